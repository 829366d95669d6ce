//! A value as it was written, before a setting gives it a type.

/// With the line of the file it stands on; 0 for the environment and flags.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub line: usize,
    pub raw: Raw,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    Text(String),
    Integer(i64),
    /// Floats, dates, booleans: no setting takes one; kept to be named in the message.
    Other {
        kind: &'static str,
        text: String,
    },
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Raw {
    /// For "found ...".
    pub fn describe(&self) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Integer(number) => number.to_string(),
            Self::Other { kind, text } => format!("the {kind} {text}"),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}
