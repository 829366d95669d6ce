//! The X-Ray trace header that a function sees.
//!
//! Source: fact sheet "Lambda invocation", section 1: a supplied `Root=` is carried on; without
//! one a new trace begins. A function whose tracing is active has each of its invocations sampled,
//! unless the caller decided against it, and has a segment of its own as the parent of what it does.
//! (Lambda samples one in a second, and of the others one in twenty.)

use hearth_core::{Clock, Random};

use crate::lineage::Lineage;

/// The header for one invocation.
pub(crate) fn header(
    supplied: Option<&str>,
    lineage: Lineage,
    is_active: bool,
    clock: &Clock,
    random: &Random,
) -> String {
    let field = |name: &str| {
        supplied.into_iter().flat_map(|text| text.split(';')).find_map(|part| part.trim().strip_prefix(name))
    };
    let root = field("Root=").filter(|root| is_root(root));
    let parent = field("Parent=").filter(|parent| !is_active && parent.len() == 16 && is_hex(parent));
    let sampled = u8::from(match field("Sampled=") {
        Some("1") => true,
        Some("0") => false,
        _ => is_active,
    });
    let drawn: u128 = u128::from_le_bytes(random.bytes());
    match (root, parent) {
        (Some(root), Some(parent)) => format!("Root={root};Parent={parent};Sampled={sampled};Lineage={lineage}"),
        (Some(root), None) => {
            format!("Root={root};Parent={:016x};Sampled={sampled};Lineage={lineage}", random.below(u64::MAX))
        }
        (None, _) => {
            let seconds = clock.now_ms() / 1_000;
            let parent = random.below(u64::MAX);
            format!(
                "Root=1-{seconds:08x}-{:024x};Parent={parent:016x};Sampled={sampled};Lineage={lineage}",
                drawn >> 32
            )
        }
    }
}

/// The trace and the segment of a sampled invocation; `None` for one that is not sampled.
pub(crate) fn sampled(header: &str) -> Option<(&str, &str)> {
    let field = |name: &str| header.split(';').find_map(|part| part.strip_prefix(name));
    field("Sampled=").filter(|sampled| *sampled == "1")?;
    Some((field("Root=")?, field("Parent=")?))
}

/// `1-<8 hex>-<24 hex>`.
fn is_root(text: &str) -> bool {
    let mut parts = text.split('-');
    let version = parts.next() == Some("1");
    let time = parts.next().is_some_and(|p| p.len() == 8 && is_hex(p));
    let id = parts.next().is_some_and(|p| p.len() == 24 && is_hex(p));
    version && time && id && parts.next().is_none()
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(supplied: Option<&str>) -> String {
        made_with(supplied, false)
    }

    fn made_with(supplied: Option<&str>, is_active: bool) -> String {
        let lineage = Lineage::before(supplied).and("f");
        header(supplied, lineage, is_active, &Clock::fixed(1_700_000_000_000), &Random::seeded(1))
    }

    #[test]
    fn active_tracing_samples_unless_the_caller_does_not() {
        let made = |supplied: Option<&str>| made_with(supplied, true);
        let root = "1-5759e988-bd862e3fe1be46a994272793";
        assert!(made(None).contains(";Sampled=1;"));
        assert!(made(Some(&format!("Root={root}"))).contains(";Sampled=1;"));
        assert!(made(Some(&format!("Root={root};Sampled=0"))).contains(";Sampled=0;"));
        let text = made(Some(&format!("Root={root};Parent=53995c3f42cd8ad8;Sampled=1")));
        let (trace, segment) = sampled(&text).unwrap_or_default();
        assert!(trace == root && segment.len() == 16 && segment != "53995c3f42cd8ad8", "{text}");
        assert_eq!(sampled(&super::tests::made(None)), None);
    }

    #[test]
    fn a_new_trace_has_time_and_is_not_sampled() {
        let text = made(None);
        assert!(text.starts_with("Root=1-6553f100-"), "{text}");
        assert!(text.contains(";Sampled=0;Lineage=1:"), "{text}");
        assert!(is_root(text.trim_start_matches("Root=").split(';').next().unwrap_or("")), "{text}");
    }

    #[test]
    fn a_supplied_root_is_carried_on() {
        let root = "1-5759e988-bd862e3fe1be46a994272793";
        let text = made(Some(&format!("Root={root};Parent=53995c3f42cd8ad8;Sampled=1")));
        let expected = format!("Root={root};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:");
        assert!(text.starts_with(&expected), "{text}");
        assert!(made(Some(&format!("Root={root}"))).starts_with(&format!("Root={root};Parent=")));
    }

    #[test]
    fn nonsense_begins_a_new_trace() {
        for bad in ["", "Root=", "Root=1-x-y", "Root=1-5759e988-bd862e3fe1be46a994272793\r\nx: y", "\u{e4}"] {
            assert!(made(Some(bad)).starts_with("Root=1-6553f100-"), "{bad}");
        }
    }
}
