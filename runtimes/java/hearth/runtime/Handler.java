package hearth.runtime;

import com.amazonaws.services.lambda.runtime.Context;

/** A function's handler: takes an event and appends its result. */
interface Handler {
    void call(Call call, Context context, Bytes result) throws Throwable;
}
