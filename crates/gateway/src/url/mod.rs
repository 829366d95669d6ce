//! Function URLs: a host, or a path, that is one function's.
//!
//! Source: fact sheet "Lambda invocation", section 7. A request goes: find the URL, answer a
//! browser's question, see whether the policy admits the caller, make the event, run the function,
//! make the answer; and at the end of all ways, say to browsers which page may see it.

mod answer;
mod cors;
mod refusal;

use std::sync::Arc;

use bytes::Bytes;
use hearth_core::{Clock, Random};
use hearth_model::{
    FunctionUrl, FunctionUrls, Identity, Invocation, Invoke, PrincipalIds, URL_LABEL, URL_PATH, UrlAuth,
};
use hearth_wire::rest_json::Oversize;
use hearth_wire::server::{Admission, Reception, Site, SiteHead, SiteMount, SiteRequest, Terms};
use hearth_wire::{ApiError, Caller, Response};

use self::cors::Page;
use crate::api::event::{self, Signer, Surroundings};

/// Bytes of an event, and so of a body that is to become a part of one.
const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;
/// What the refusal of a larger one calls the operation.
const OVERSIZE: Oversize = Oversize::Named("InvokeFunction");
/// What signatures are made for.
const SERVICE: &str = "lambda";

/// What function URLs need.
pub struct Options {
    pub urls: Arc<dyn FunctionUrls>,
    pub invoke: Arc<dyn Invoke>,
    pub principals: Arc<dyn PrincipalIds>,
    pub clock: Clock,
    pub random: Random,
}

/// Function URLs as a site of the front door.
#[must_use]
pub fn mount(options: Options) -> SiteMount {
    SiteMount {
        label: URL_LABEL,
        path: URL_PATH,
        site: Arc::new(Urls(Arc::new(options))),
    }
}

struct Urls(Arc<Options>);

impl Site for Urls {
    fn receive(&self, head: &SiteHead<'_>) -> Reception {
        let url = self.0.urls.find(&head.name);
        let is_here = |url: &Arc<FunctionUrl>| head.region.as_ref().is_none_or(|here| *here == url.function.region);
        let Some(url) = url.filter(is_here) else {
            return Reception::Answer(refusal::answer(&refusal::unknown()));
        };
        let page = Page::of(url.cors.as_ref(), head.parts);
        if let Some(answer) = page.preflight(head.parts) {
            return Reception::Answer(answer);
        }
        // Who has to sign is asked for with the signature.
        if url.auth == UrlAuth::None && !self.0.urls.admits(&url, None) {
            return Reception::Answer(page.show(refusal::answer(&refusal::forbidden())));
        }
        let options = Arc::clone(&self.0);
        Reception::Admit(Admission {
            terms: Terms {
                body_limit: EVENT_BYTES_MAX,
                oversize: OVERSIZE,
                signed_for: (url.auth == UrlAuth::Iam).then_some(SERVICE),
            },
            answer: Box::new(move |request| {
                Box::pin(async move {
                    let answer = match request {
                        Ok(request) => options.serve(&url, request).await,
                        Err(error) => Err(error),
                    };
                    Ok(page.show(answer.unwrap_or_else(|error| refusal::answer(&error))))
                })
            }),
        })
    }
}

impl Options {
    async fn serve(&self, url: &FunctionUrl, request: SiteRequest) -> Result<Response, ApiError> {
        if url.auth == UrlAuth::Iam {
            let identity = request.caller.as_ref().map(identity);
            if !identity.as_ref().is_some_and(|identity| self.urls.admits(url, Some(identity))) {
                return Err(refusal::forbidden());
            }
        }
        let invocation = self.invocation(url, &request).await?;
        if url.streams {
            let streamed = self.invoke.invoke_streamed(invocation).await.map_err(refusal::not_run)?;
            return Ok(answer::streamed(url, streamed).await);
        }
        let outcome = self.invoke.invoke(invocation).await.map_err(refusal::not_run)?;
        Ok(answer::whole(url, outcome))
    }

    async fn invocation(&self, url: &FunctionUrl, request: &SiteRequest) -> Result<Invocation, ApiError> {
        let sent = request.parts.headers.get("x-amzn-trace-id").and_then(|value| value.to_str().ok());
        let trace = sent.map_or_else(|| self.begin_trace(), ToOwned::to_owned);
        let id = match &request.caller {
            Some(caller) => self.principals.id_of(&identity(caller)).await,
            None => String::new(),
        };
        let payload = self.event(url, request, &trace, &id)?;
        Ok(Invocation {
            function: url.function.clone(),
            qualifier: url.qualifier.clone(),
            request_id: request.request_id.clone(),
            payload,
            client_context: None,
            cognito_identity: None,
            trace_header: Some(trace),
            wants_log_tail: false,
        })
    }

    fn event(&self, url: &FunctionUrl, request: &SiteRequest, trace: &str, id: &str) -> Result<Bytes, ApiError> {
        let now = self.clock.now();
        let signer = request.caller.as_ref().map(|caller| Signer {
            access_key: caller.access_key_id.as_deref().unwrap_or_default(),
            account: caller.account.as_str(),
            arn: &caller.arn,
            id,
        });
        let around = Surroundings {
            request_id: &request.request_id,
            path: &request.path,
            account: match url.auth {
                UrlAuth::None => "anonymous",
                UrlAuth::Iam => url.function.account.as_str(),
            },
            api_id: &url.id,
            domain: request.host(),
            signer,
            peer: request.peer,
            port: request.port,
            trace,
            time_ms: now.as_millisecond(),
            time: &now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        };
        let event = event::of(&request.parts, &request.body, &around)
            .map_err(|e| ApiError::internal(format!("failed to write an event: {e}")))?;
        // Base64 makes a body longer.
        if event.len() > EVENT_BYTES_MAX { Err(OVERSIZE.error(EVENT_BYTES_MAX)) } else { Ok(event.into()) }
    }

    /// The root of a trace that begins here.
    fn begin_trace(&self) -> String {
        let drawn = u128::from_le_bytes(self.random.bytes());
        format!("Root=1-{:08x}-{:024x}", self.clock.now_ms() / 1_000, drawn >> 32)
    }
}

fn identity(caller: &Caller) -> Identity {
    Identity {
        account: caller.account.clone(),
        arn: caller.arn.clone(),
    }
}

#[cfg(test)]
mod tests;
