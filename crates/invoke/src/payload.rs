//! The error documents that the platform itself makes.
//!
//! Source: fact sheet "Lambda execution-environment contract", section 5. The order of the keys is
//! part of what was recorded: `errorType` first, except for the oversized answer.

use bytes::Bytes;
use hearth_sandbox::{Exit, ExitStatus};
use serde_json::Value;

/// Why an invocation failed without the function saying so itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlatformError {
    /// E.g. `Runtime.ExitError`.
    pub(crate) kind: String,
    /// Without the `RequestId: ... Error: ` that stands before it for the caller.
    pub(crate) text: String,
}

impl PlatformError {
    pub(crate) fn new(kind: &str, text: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            text: text.into(),
        }
    }

    /// The runtime process is gone.
    pub(crate) fn exited(exit: &Exit) -> Self {
        if exit.oom_killed {
            return Self::new("Runtime.OutOfMemory", "Runtime exited with error: signal: killed");
        }
        let text = match exit.status {
            ExitStatus::Code(0) => "Runtime exited without providing a reason".to_owned(),
            ExitStatus::Code(code) => format!("Runtime exited with error: exit status {code}"),
            ExitStatus::Signal(signal) => format!("Runtime exited with error: signal: {}", signal_name(signal)),
        };
        Self::new("Runtime.ExitError", text)
    }

    /// The function's timeout, or what was left of it.
    pub(crate) fn timed_out(timeout_s: u32) -> Self {
        Self::new("Sandbox.Timedout", format!("Task timed out after {timeout_s}.00 seconds"))
    }

    /// Neither place has a bootstrap.
    pub(crate) fn no_bootstrap() -> Self {
        Self::new("Runtime.InvalidEntrypoint", "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")
    }

    /// The bootstrap is there and does not start. `errno` is execve's.
    pub(crate) fn cannot_exec(path: &str, errno: i32) -> Self {
        Self::new("Runtime.InvalidEntrypoint", format!("fork/exec {path}: {}", reason(errno)))
    }

    /// The working directory of an image's process is not there, or not to be entered.
    pub(crate) fn no_working_directory(path: &str, errno: i32) -> Self {
        Self::new("Runtime.InvalidWorkingDir", format!("chdir {path}: {}", reason(errno)))
    }

    /// An image that says nothing of its process.
    pub(crate) fn no_entry_point() -> Self {
        Self::new("Runtime.InvalidEntrypoint", "the image has neither ENTRYPOINT nor CMD: set them, or ImageConfig")
    }

    /// The document for the caller.
    pub(crate) fn document(&self, request_id: &str) -> Bytes {
        document(&self.kind, &self.message(request_id))
    }

    /// As in logs and in the document.
    pub(crate) fn message(&self, request_id: &str) -> String {
        format!("RequestId: {request_id} Error: {}", self.text)
    }
}

/// An error document.
pub(crate) fn document(kind: &str, message: &str) -> Bytes {
    format!("{{\"errorType\":{},\"errorMessage\":{}}}", quoted(kind), quoted(message)).into()
}

/// The answer was larger than `limit` bytes.
pub(crate) fn response_too_large(limit: usize) -> Bytes {
    let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
    format!("{{\"errorMessage\":{},\"errorType\":\"Function.ResponseSizeTooLarge\"}}", quoted(&message)).into()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The words of Go's `syscall.Signal`, which AWS's daemon prints.
pub(crate) fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        31 => "bad system call",
        other => return format!("signal {other}"),
    }
    .to_owned()
}

/// The Linux numbers, with the words of Go's runtime, which AWS's daemon prints.
fn reason(errno: i32) -> String {
    match errno {
        2 => "no such file or directory".to_owned(),
        8 => "exec format error".to_owned(),
        13 => "permission denied".to_owned(),
        20 => "not a directory".to_owned(),
        other => std::io::Error::from_raw_os_error(other).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RESPONSE_BYTES_MAX;

    #[track_caller]
    fn check(error: &PlatformError, document: &str) {
        assert_eq!(String::from_utf8_lossy(&error.document("id")), document);
    }

    fn exit(status: ExitStatus, oom_killed: bool) -> PlatformError {
        PlatformError::exited(&Exit { status, oom_killed })
    }

    #[test]
    fn documents_have_the_recorded_form() {
        check(
            &PlatformError::timed_out(1),
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: id Error: Task timed out after 1.00 seconds"}"#,
        );
        check(
            &exit(ExitStatus::Code(0), false),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited without providing a reason"}"#,
        );
        check(
            &exit(ExitStatus::Code(127), false),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: exit status 127"}"#,
        );
        check(
            &exit(ExitStatus::Signal(11), false),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: signal: segmentation fault"}"#,
        );
        check(
            &exit(ExitStatus::Signal(9), true),
            r#"{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: id Error: Runtime exited with error: signal: killed"}"#,
        );
        check(
            &PlatformError::cannot_exec("/var/task/bootstrap", 13),
            r#"{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: id Error: fork/exec /var/task/bootstrap: permission denied"}"#,
        );
        assert_eq!(
            String::from_utf8_lossy(&response_too_large(RESPONSE_BYTES_MAX)),
            r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
        );
    }
}
