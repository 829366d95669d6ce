//! Which functions a chain of invocations has gone through: how a loop is found.
//!
//! The trace header carries it as `Lineage=<calls>:<hash>:<visits>`, which SDKs inside functions
//! pass on: the length of the chain, the hash of one function in it, and how often the chain came
//! back to that one. One hash is enough to find any loop: as long as the chain does not come back
//! to the function it watches, it watches another one at each power of two (Brent's algorithm).
//!
//! Source: fact sheet "Lambda invocation", section 9. The form is the one that tracing libraries
//! take for valid; what AWS counts is not documented.

use std::fmt;

/// A chain that would come back to a function as often as this is stopped: the function has run 16
/// times in it.
const VISITS_MAX: u16 = 16;

/// What is known of a chain, the invocation at hand included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lineage {
    calls: u8,
    watched: u32,
    /// How often the chain came back to the watched function.
    visits: u16,
    /// The invocation at hand is one of the watched function.
    at_watched: bool,
}

/// The chain before the invocation at hand; `None` when it begins here.
pub(crate) struct Before(Option<Lineage>);

impl Lineage {
    /// Reads a trace header. What cannot be read begins a new chain.
    pub(crate) fn before(header: Option<&str>) -> Before {
        let fields = header.into_iter().flat_map(|text| text.split(';'));
        Before(fields.filter_map(|field| field.trim().strip_prefix("Lineage=")).find_map(parse))
    }

    /// True when the function at hand has been here too often.
    pub(crate) fn is_loop(self) -> bool {
        self.at_watched && self.visits >= VISITS_MAX
    }
}

impl Before {
    /// The chain with an invocation of this function.
    pub(crate) fn and(self, function_arn: &str) -> Lineage {
        let function = hash(function_arn);
        let first = |calls| Lineage {
            calls,
            watched: function,
            visits: 0,
            at_watched: true,
        };
        let Some(before) = self.0 else {
            return first(1);
        };
        let calls = before.calls.saturating_add(1);
        let visits = before.visits;
        if before.watched == function {
            return Lineage {
                visits: visits.saturating_add(1),
                ..first(calls)
            };
        }
        if visits == 0 && calls.is_power_of_two() {
            return first(calls);
        }
        Lineage {
            calls,
            at_watched: false,
            ..before
        }
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tracing libraries take no larger number of visits than this.
        write!(f, "{}:{:08x}:{}", self.calls, self.watched, self.visits.min(32_767))
    }
}

fn parse(text: &str) -> Option<Lineage> {
    let mut parts = text.split(':');
    let (calls, watched, visits) = (parts.next()?, parts.next()?, parts.next()?);
    let is_good = watched.len() == 8 && parts.next().is_none();
    Some(Lineage {
        calls: calls.parse().ok()?,
        watched: u32::from_str_radix(watched, 16).ok().filter(|_| is_good)?,
        visits: visits.parse().ok()?,
        at_watched: false,
    })
}

/// FNV-1a.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a chain that repeats `names` behind `lead` until it is stopped; how often each ran.
    fn runs(lead: &[&str], names: &[&str]) -> Vec<usize> {
        let mut counts = vec![0; names.len()];
        let mut header: Option<String> = None;
        let chain =
            lead.iter().map(|name| (None, name)).chain(names.iter().enumerate().map(|(i, n)| (Some(i), n)).cycle());
        for (index, name) in chain.take(10_000) {
            let lineage = Lineage::before(header.as_deref()).and(name);
            if lineage.is_loop() {
                return counts;
            }
            if let Some(index) = index {
                counts[index] += 1;
            }
            header = Some(format!("Root=1-0;Parent=0;Sampled=0;Lineage={lineage}"));
        }
        panic!("a loop of {names:?} was never stopped");
    }

    #[test]
    fn a_function_that_calls_itself_runs_sixteen_times() {
        assert_eq!(runs(&[], &["a"]), [16]);
    }

    #[test]
    fn longer_loops_are_found_wherever_they_begin() {
        for (lead, names) in [
            (&[][..], &["a", "b"][..]),
            (&["x"], &["a"]),
            (&["x", "y", "z"], &["a", "b"]),
            (&[], &["a", "b", "c", "d", "e"]),
            (&["1", "2", "3", "4", "5", "6", "7"], &["a", "b", "c"]),
        ] {
            let counts = runs(lead, names);
            assert!(counts.iter().all(|n| (15..=24).contains(n)), "{lead:?} {names:?}: {counts:?}");
        }
    }

    #[test]
    fn a_long_chain_without_a_loop_goes_on() {
        let mut header: Option<String> = None;
        for step in 0..1_000 {
            let lineage = Lineage::before(header.as_deref()).and(&format!("f{step}"));
            assert!(!lineage.is_loop());
            header = Some(format!("Lineage={lineage}"));
        }
        assert!(header.is_some_and(|text| text.starts_with("Lineage=255:")));
    }

    #[test]
    fn nonsense_begins_a_chain() {
        let first = Lineage::before(None).and("a").to_string();
        assert_eq!(first, format!("1:{:08x}:0", hash("a")));
        for bad in [
            "",
            "Lineage=",
            "Lineage=1:2:3",
            "Lineage=256:00000000:0",
            "Lineage=1:0000000g:0",
            "Lineage=1:00000000:0:1",
        ] {
            assert_eq!(Lineage::before(Some(bad)).and("a").to_string(), first, "{bad}");
        }
    }
}
