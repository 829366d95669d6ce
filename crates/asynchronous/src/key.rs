//! Which events belong together: those of one function and one qualifier, in one queue.

use hearth_model::{AccountId, FunctionKey, FunctionName, Qualifier, Region, arn};
use hearth_store::Queue;

/// What the names of all queues of events begin with.
pub(crate) const PREFIX: &str = "event/";

/// Names a lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LaneKey {
    pub(crate) function: FunctionKey,
    /// As the caller gave it: a function sees the difference between none and `$LATEST`.
    pub(crate) qualifier: Option<Qualifier>,
}

impl LaneKey {
    /// `event/<account>/<region>/<name>/<qualifier>`; none of the parts can contain a slash.
    pub(crate) fn queue(&self) -> Queue {
        let FunctionKey { account, region, name } = &self.function;
        let qualifier = self.qualifier.as_ref().map(ToString::to_string).unwrap_or_default();
        Queue(format!("{PREFIX}{account}/{region}/{name}/{qualifier}"))
    }

    pub(crate) fn of(queue: &Queue) -> Option<Self> {
        let mut parts = queue.0.strip_prefix(PREFIX)?.split('/');
        let function = FunctionKey {
            account: AccountId::parse(parts.next()?)?,
            region: Region::parse(parts.next()?)?,
            name: FunctionName::parse(parts.next()?)?,
        };
        let qualifier = match parts.next()? {
            "" => None,
            text => Some(Qualifier::parse(text)?),
        };
        parts.next().is_none().then_some(Self { function, qualifier })
    }

    /// The function's ARN with the qualifier, `$LATEST` when none was given: as records have it.
    pub(crate) fn arn(&self) -> String {
        let FunctionKey { account, region, name } = &self.function;
        let qualifier = self.qualifier.clone().unwrap_or(Qualifier::Latest);
        arn::qualified(&arn::function(region, account, name.as_str()), &qualifier.to_string())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn queues_lead_back_to_their_lanes() {
        let function = FunctionKey {
            account: AccountId::fallback(),
            region: Region::fallback(),
            name: FunctionName::parse("my_f-1").unwrap(),
        };
        for qualifier in [None, Some(Qualifier::Latest), Some(Qualifier::Number(7)), Qualifier::parse("live")] {
            let key = LaneKey {
                function: function.clone(),
                qualifier,
            };
            assert_eq!(LaneKey::of(&key.queue()), Some(key));
        }
        for other in
            ["event/", "event/000000000000/us-east-1/f", "event/x/us-east-1/f/", "other/000000000000/us-east-1/f/"]
        {
            assert_eq!(LaneKey::of(&Queue(other.to_owned())), None, "{other}");
        }
    }
}
