package com.amazonaws.services.lambda.runtime;

/** A handler whose event and result are Java objects. */
public interface RequestHandler<I, O> {
    O handleRequest(I input, Context context);
}
