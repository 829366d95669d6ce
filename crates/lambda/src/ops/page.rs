//! Lists page by page.
//!
//! A marker names the last item that was shown.

use crate::error::Error;
use crate::ops::marker;

/// The service gives no more at once, whatever was asked for.
const PAGE_MAX: usize = 50;

/// A wish for a page, past the model's constraints.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) marker: Option<String>,
    pub(crate) limit: Option<i64>,
}

/// A page, and the marker of the next one.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_marker: Option<String>,
}

/// A list that has pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    /// Says what a marker is of, so that another list's is refused.
    pub(crate) kind: &'static str,
    /// The operation, for the refusal.
    pub(crate) operation: &'static str,
}

impl List {
    /// The item behind which the page begins.
    ///
    /// # Errors
    /// A marker that this list did not give.
    pub(crate) fn after(self, wish: &Wish) -> Result<Option<String>, Error> {
        wish.marker.as_ref().map(|text| marker::decode(self.kind, text, self.operation)).transpose()
    }

    /// The refusal of a marker that names no item of this list.
    pub(crate) fn foreign(self) -> Error {
        Error::InvalidParameter(format!("Marker is not one that {} gave.", self.operation))
    }

    /// The page that `items` begin with; `name` is how a marker names an item.
    pub(crate) fn cut<T>(
        self,
        wish: &Wish,
        items: impl IntoIterator<Item = T>,
        name: impl Fn(&T) -> String,
    ) -> Page<T> {
        let limit = limit(wish);
        // One more than shown tells whether there is a next page.
        let mut items: Vec<T> = items.into_iter().take(limit + 1).collect();
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next_marker = items.last().filter(|_| has_more).map(|last| marker::encode(self.kind, &name(last)));
        Page { items, next_marker }
    }
}

/// Items on a page.
pub(crate) fn limit(wish: &Wish) -> usize {
    wish.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: List = List {
        kind: "thing",
        operation: "ListThings",
    };

    #[test]
    fn a_page_that_ends_the_list_has_no_marker() {
        let page = |limit| {
            LIST.cut(
                &Wish {
                    marker: None,
                    limit: Some(limit),
                },
                [1, 2, 3],
                ToString::to_string,
            )
        };
        assert_eq!((page(3).items, page(3).next_marker), (vec![1, 2, 3], None));
        assert_eq!((page(2).items, page(2).next_marker), (vec![1, 2], Some(marker::encode("thing", "2"))));
    }
}
