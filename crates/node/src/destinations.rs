//! The services that take what became of asynchronous events. Those to come are joined here.

use std::sync::{Arc, OnceLock};

use hearth_core::Random;
use hearth_model::{
    BoxFuture, DestinationService, Destinations, Dispatch, DispatchError, Invocation, InvokeError, InvokeLater, arn,
};

/// The largest record that a function can get, in bytes: what a runtime takes at once.
const RECORD_BYTES_MAX: usize = hearth_invoke::EVENT_BYTES_MAX;

pub(crate) struct Services {
    random: Random,
    /// Functions. Joined once it is built, for it stands on this.
    functions: OnceLock<Arc<dyn InvokeLater>>,
}

impl Services {
    pub(crate) fn new(random: Random) -> Arc<Self> {
        Arc::new(Self {
            random,
            functions: OnceLock::new(),
        })
    }

    /// A second call changes nothing.
    pub(crate) fn join_functions(&self, functions: Arc<dyn InvokeLater>) {
        let _ = self.functions.set(functions);
    }

    async fn invoke(&self, dispatch: Dispatch) -> Result<(), DispatchError> {
        let functions = self.functions.get().ok_or_else(|| DispatchError::Failed("the server starts".to_owned()))?;
        let (function, qualifier) = arn::parse_function(&dispatch.target)
            .ok_or_else(|| DispatchError::Refused("expected the ARN of a function".to_owned()))?;
        let bytes = dispatch.body.len();
        if bytes > RECORD_BYTES_MAX {
            return Err(DispatchError::Refused(format!(
                "expected a record of at most {RECORD_BYTES_MAX} bytes, found {bytes}"
            )));
        }
        let invocation = Invocation {
            function,
            qualifier,
            request_id: self.random.uuid().to_string(),
            payload: dispatch.body,
            client_context: None,
            cognito_identity: None,
            trace_header: dispatch.trace_header,
            wants_log_tail: false,
        };
        functions.accept(invocation).await.map(drop).map_err(|error| match error {
            InvokeError::NotFound { .. } | InvokeError::Recursive => DispatchError::Refused(error.to_string()),
            InvokeError::NotReady { .. }
            | InvokeError::Throttled(_)
            | InvokeError::RuntimeUnavailable(_)
            | InvokeError::KeyUnusable(_)
            | InvokeError::FileSystemUnavailable(_)
            | InvokeError::Sandbox(_)
            | InvokeError::NotWritten(_)
            | InvokeError::ShuttingDown => DispatchError::Failed(error.to_string()),
        })
    }
}

impl Destinations for Services {
    fn serves(&self, service: DestinationService) -> bool {
        match service {
            DestinationService::Lambda => true,
            DestinationService::Sqs
            | DestinationService::Sns
            | DestinationService::EventBridge
            | DestinationService::S3 => false,
        }
    }

    fn dispatch(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<(), DispatchError>> {
        match DestinationService::of(&dispatch.target) {
            Some(DestinationService::Lambda) => Box::pin(self.invoke(dispatch)),
            Some(service) => {
                let refusal = DispatchError::Refused(format!("there is no {service} here"));
                Box::pin(std::future::ready(Err(refusal)))
            }
            None => Box::pin(std::future::ready(Err(DispatchError::Refused("no service takes it".to_owned())))),
        }
    }
}
