//! What a function prints: its standard output and error as lines, and the framed records that
//! runtimes write to the telemetry descriptor.

use std::io;
use std::os::fd::OwnedFd;

use hearth_core::Clock;
use hearth_model::{LogFormat, LogLevel, Logging};
use hearth_runtimes::telemetry;
use serde::Deserialize;
use tokio::net::unix::pipe;

use super::journal::{Journal, Source};
use super::lines::{LINE_BYTES_MAX, Lines, read_some, readable};

/// What one drain reads at the most: a background thread may never stop printing.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;

/// The reading ends of a runtime process's output.
pub(super) struct Output {
    lines: Lines,
    frames: Option<pipe::Receiver>,
    decoder: telemetry::Decoder,
    buffer: Box<[u8]>,
    /// JSON lines below this level are left out.
    threshold: Option<LogLevel>,
    clock: Clock,
}

/// The writing ends, to be given to the process.
pub(super) struct Writers {
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) telemetry: OwnedFd,
}

impl Output {
    /// Makes the pipes.
    pub(super) fn open(logging: &Logging, clock: Clock) -> io::Result<(Self, Writers)> {
        let (lines, stdout) = Lines::open()?;
        let (frames_tx, frames) = pipe::pipe()?;
        let writers = Writers {
            stderr: stdout.try_clone()?,
            stdout,
            telemetry: frames_tx.into_blocking_fd()?,
        };
        let output = Self {
            lines,
            frames: Some(frames),
            decoder: telemetry::Decoder::new(LINE_BYTES_MAX),
            buffer: vec![0; 16 * 1024].into(),
            threshold: threshold(logging),
            clock,
        };
        Ok((output, writers))
    }

    /// From now on what is printed is a function's.
    pub(super) fn adopt(&mut self, logging: &Logging) {
        self.threshold = threshold(logging);
    }

    /// Waits until something was printed (or a pipe closed). Never ends once both are closed.
    pub(super) async fn readable(&self) {
        tokio::select! {
            () = self.lines.readable() => {}
            () = readable(self.frames.as_ref()) => {}
        }
    }

    /// Takes what was printed so far, without waiting.
    pub(super) fn drain(&mut self, journal: &mut Journal) {
        let mut budget = DRAIN_BYTES_MAX;
        while budget > 0 {
            let read = self.read_lines(journal) + self.read_frames(journal);
            if read == 0 {
                return;
            }
            budget = budget.saturating_sub(read);
        }
    }

    /// [`Output::drain`] at the end of an invocation: an unfinished last line is an event of that
    /// one, and not the beginning of the next one's output.
    pub(super) fn drain_to_the_end(&mut self, journal: &mut Journal) {
        self.drain(journal);
        while let Some(frame) = self.decoder.unfinished() {
            self.push_frame(&frame, journal);
        }
        let (threshold, clock) = (self.threshold, &self.clock);
        self.lines.finish(|line| push_line(&line, threshold, clock, journal));
    }

    /// The process is gone, or soon will be.
    pub(super) fn close(&mut self, journal: &mut Journal) {
        self.drain_to_the_end(journal);
        self.lines.close();
        self.frames = None;
    }

    fn read_lines(&mut self, journal: &mut Journal) -> usize {
        let (threshold, clock) = (self.threshold, &self.clock);
        self.lines.read(&mut self.buffer, |line| push_line(&line, threshold, clock, journal))
    }

    fn read_frames(&mut self, journal: &mut Journal) -> usize {
        let Some(n) = read_some(&mut self.frames, &mut self.buffer) else {
            return 0;
        };
        self.decoder.feed(&self.buffer[..n]);
        loop {
            match self.decoder.next() {
                Ok(Some(frame)) => self.push_frame(&frame, journal),
                Ok(None) => return n,
                Err(error) => {
                    // Only the function's own code can have written this.
                    tracing::debug!(%error, "telemetry descriptor closed: unreadable frame");
                    self.frames = None;
                    return n;
                }
            }
        }
    }

    fn push_frame(&self, frame: &telemetry::LogFrame, journal: &mut Journal) {
        let at_ms = i64::try_from(frame.timestamp_us / 1_000).unwrap_or_default();
        let line = String::from_utf8_lossy(&frame.message).into_owned();
        journal.print(self.plausible(at_ms), Source::Function, line);
    }

    /// A function may claim any time; CloudWatch would refuse one far off.
    fn plausible(&self, at_ms: i64) -> i64 {
        let now = self.clock.now_ms();
        if (now - at_ms).abs() > 60 * 60 * 1_000 { now } else { at_ms }
    }
}

fn threshold(logging: &Logging) -> Option<LogLevel> {
    (logging.format == LogFormat::Json).then(|| logging.application_level.unwrap_or(LogLevel::Info))
}

fn push_line(line: &[u8], threshold: Option<LogLevel>, clock: &Clock, journal: &mut Journal) {
    if threshold.is_some_and(|threshold| level_of(line) < threshold) {
        return;
    }
    journal.print(clock.now_ms(), Source::Function, String::from_utf8_lossy(line).into_owned());
}

/// The level that a JSON line states; `Fatal` (never left out) for plain text, `Info` for JSON
/// that states none.
pub(crate) fn level_of(line: &[u8]) -> LogLevel {
    #[derive(Deserialize)]
    struct Leveled<'a> {
        #[serde(borrow)]
        level: Option<std::borrow::Cow<'a, str>>,
    }
    if line.first() != Some(&b'{') {
        return LogLevel::Fatal;
    }
    let Ok(leveled) = serde_json::from_slice::<Leveled<'_>>(line) else {
        return LogLevel::Fatal;
    };
    let level = leveled.level.unwrap_or_default().to_ascii_uppercase();
    [LogLevel::Trace, LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error, LogLevel::Fatal]
        .into_iter()
        .find(|known| known.as_str() == level || (*known == LogLevel::Warn && level == "WARNING"))
        .unwrap_or(LogLevel::Info)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::sync::Arc;

    use super::*;
    use crate::environment::journal::tests::journal;
    use crate::service::tests_support::{Collected, spec};

    async fn printed(format: LogFormat, level: Option<LogLevel>, bytes: &[u8]) -> Vec<String> {
        let mut spec = spec("f");
        spec.logging.format = format;
        spec.logging.application_level = level;
        let (mut output, writers) = Output::open(&spec.logging, Clock::fixed(5)).unwrap();
        let sink = Arc::new(Collected::default());
        let mut journal = journal(&spec, &sink);
        let mut stdout = File::from(writers.stdout);
        drop((writers.stderr, writers.telemetry));
        let bytes = bytes.to_vec();
        let writer = std::thread::spawn(move || stdout.write_all(&bytes).unwrap());
        while !writer.is_finished() || output.lines.is_open() {
            output.drain(&mut journal);
            tokio::task::yield_now().await;
            if output.lines.is_open() {
                output.readable().await;
            }
        }
        output.close(&mut journal);
        journal.finish().await;
        sink.messages()
    }

    #[tokio::test]
    async fn one_event_per_line_and_a_carriage_return_does_not_split() {
        let events = printed(LogFormat::Text, None, b"multi\nline\nanother\rline\nlast").await;
        assert_eq!(events, ["multi\n", "line\n", "another\rline\n", "last"]);
    }

    /// What was printed came out after END: the reactor had not been told of it when the answer
    /// was there.
    #[tokio::test]
    async fn what_was_just_printed_is_found_before_the_reactor_hears_of_it() {
        let spec = spec("f");
        let (mut output, writers) = Output::open(&spec.logging, Clock::fixed(5)).unwrap();
        let sink = Arc::new(Collected::default());
        let mut journal = journal(&spec, &sink);
        let mut stdout = File::from(writers.stdout);
        // The reactor learns that there is nothing...
        output.drain(&mut journal);
        // ...and gets no turn after the write.
        stdout.write_all(b"late\n").unwrap();
        output.drain(&mut journal);
        journal.finish().await;
        assert_eq!(sink.messages(), ["late\n"]);
    }

    /// A prompt without a line break once came out glued to the next invocation's first line.
    #[tokio::test]
    async fn an_unfinished_line_ends_with_its_invocation() {
        let spec = spec("f");
        let (mut output, writers) = Output::open(&spec.logging, Clock::fixed(5)).unwrap();
        let sink = Arc::new(Collected::default());
        let mut journal = journal(&spec, &sink);
        let mut stdout = File::from(writers.stdout);
        stdout.write_all(b"one\npartial").unwrap();
        output.drain_to_the_end(&mut journal);
        stdout.write_all(b"next\n").unwrap();
        output.drain_to_the_end(&mut journal);
        journal.finish().await;
        assert_eq!(sink.messages(), ["one\n", "partial", "next\n"]);
    }

    #[tokio::test]
    async fn an_endless_line_is_cut() {
        let events = printed(LogFormat::Text, None, &vec![b'x'; LINE_BYTES_MAX * 2 + 1]).await;
        assert_eq!(events.iter().map(String::len).collect::<Vec<_>>(), [LINE_BYTES_MAX, LINE_BYTES_MAX, 1]);
    }

    #[tokio::test]
    async fn bytes_that_are_not_text_are_kept_readable() {
        let events = printed(LogFormat::Text, None, b"\xff\xfe\n").await;
        assert_eq!(events, ["\u{fffd}\u{fffd}\n"]);
    }

    #[tokio::test]
    async fn json_lines_are_left_out_below_the_level() {
        let input = b"{\"level\":\"debug\",\"m\":1}\n{\"level\":\"ERROR\"}\n{\"m\":2}\nplain\n{broken\n";
        let events = printed(LogFormat::Json, Some(LogLevel::Warn), input).await;
        assert_eq!(events, ["{\"level\":\"ERROR\"}\n", "plain\n", "{broken\n"]);
    }
}
