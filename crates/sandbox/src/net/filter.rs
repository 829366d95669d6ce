//! The packet filter's table (nftables), written in one transaction.
//!
//! The rules are data with a reason per line; the rest of the file says them in netlink.

use super::Nat;
use super::netlink::{ACK, APPEND, CREATE, Message, REQUEST, Socket};
use crate::error::Errno;

/// A condition of a rule; a rule matches when all of its conditions do.
#[derive(Debug, Clone, Copy)]
enum When {
    FromSandbox,
    NotToSandbox,
    ToSandbox,
    V6,
    /// First bytes of the packet's IPv4 source address.
    Source([u8; 2]),
    NotSource([u8; 2]),
    Destination([u8; 2]),
    /// Not the answer to something that a sandbox asked.
    Unasked,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    Drop,
    Masquerade,
}

struct Rule {
    chain: &'static str,
    when: Vec<When>,
    then: Then,
    why: &'static str,
}

/// Name, type, hook, priority (before others' filters; at the usual place for translation).
const CHAINS: [(&str, &str, u32, i32); 3] =
    [("input", "filter", 1, -10), ("forward", "filter", 2, -10), ("postrouting", "nat", 4, 100)];

fn rules(nat: &Nat) -> Vec<Rule> {
    let rule = |chain, when: &[When], then, why| Rule {
        chain,
        when: when.to_vec(),
        then,
        why,
    };
    use Then::{Drop, Masquerade};
    use When::*;
    let own = nat.network;
    vec![
        rule("input", &[FromSandbox], Drop, "the host's own services are not for sandboxes"),
        rule("forward", &[FromSandbox, V6], Drop, "there is no IPv6 translation, so none may leave"),
        rule("forward", &[FromSandbox, NotSource(own)], Drop, "nobody speaks in another's name"),
        rule("forward", &[FromSandbox, Destination(own)], Drop, "sandboxes do not reach each other"),
        rule("forward", &[FromSandbox, Destination([169, 254])], Drop, "link-local: a cloud's metadata service"),
        rule("forward", &[ToSandbox, Unasked], Drop, "nobody outside starts a conversation with a sandbox"),
        rule("postrouting", &[Source(own), NotToSandbox], Masquerade, "the way out, under the host's address"),
    ]
}

const INET: u8 = 1;
const SUBSYSTEM: u16 = 10 << 8;
const NEW_TABLE: u16 = SUBSYSTEM;
const DELETE_TABLE: u16 = SUBSYSTEM | 2;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const NEW_RULE: u16 = SUBSYSTEM | 6;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

/// Makes the table, or makes it anew.
pub(super) fn install(nat: &Nat) -> Result<(), Errno> {
    let mut batch = Batch::new(nat.table());
    batch.table(NEW_TABLE, CREATE);
    batch.table(DELETE_TABLE, 0);
    batch.table(NEW_TABLE, CREATE);
    for (name, kind, hook, priority) in CHAINS {
        batch.chain(name, kind, hook, priority);
    }
    for rule in rules(nat) {
        batch.rule(nat, &rule);
    }
    batch.commit()
}

pub(super) fn remove(nat: &Nat) -> Result<(), Errno> {
    let mut batch = Batch::new(nat.table());
    batch.table(DELETE_TABLE, 0);
    batch.commit()
}

struct Batch<'a> {
    table: &'a str,
    message: Message,
    sequence: u32,
}

impl<'a> Batch<'a> {
    fn new(table: &'a str) -> Self {
        let mut message = Message::default();
        // nfgenmsg: family, version, and here the subsystem, in network order.
        message.begin(BATCH_BEGIN, REQUEST, 0, &[0, 0, 0, 10]);
        message.end();
        Self { table, message, sequence: 0 }
    }

    fn commit(mut self) -> Result<(), Errno> {
        self.message.begin(BATCH_END, REQUEST, 0, &[0, 0, 0, 10]);
        self.message.end();
        Socket::netfilter()?.ask(&self.message, self.sequence)
    }

    /// Each part asks for an acknowledgement; the last one means that all is done.
    fn part(&mut self, kind: u16, flags: u16, fill: impl FnOnce(&mut Message)) {
        self.sequence += 1;
        self.message.begin(kind, REQUEST | ACK | flags, self.sequence, &[INET, 0, 0, 0]);
        self.message.text(1, self.table);
        fill(&mut self.message);
        self.message.end();
    }

    fn table(&mut self, kind: u16, flags: u16) {
        self.part(kind, flags, |_| {});
    }

    fn chain(&mut self, name: &str, kind: &str, hook: u32, priority: i32) {
        self.part(NEW_CHAIN, CREATE, |message| {
            message.text(3, name);
            message.nested(4, |place| {
                place.attribute(1, &hook.to_be_bytes());
                place.attribute(2, &priority.to_be_bytes());
            });
            message.text(7, kind);
        });
    }

    fn rule(&mut self, nat: &Nat, rule: &Rule) {
        self.part(NEW_RULE, CREATE | APPEND, |message| {
            message.text(2, rule.chain);
            message.nested(4, |list| {
                for when in &rule.when {
                    condition(list, *when, nat);
                }
                verdict(list, rule.then);
            });
            // Shown as the rule's comment by `nft list ruleset`: a kind, a length, a text.
            let length = rule.why.len() as u8 + 1;
            message.attribute(7, &[&[0, length], rule.why.as_bytes(), &[0]].concat());
        });
    }
}

/// One expression: its name and its attributes.
fn expression(list: &mut Message, name: &str, fill: impl FnOnce(&mut Message)) {
    list.nested(1, |element| {
        element.text(1, name);
        element.nested(2, fill);
    });
}

/// The one register that is used.
const REGISTER: [u8; 4] = 1u32.to_be_bytes();

/// What `meta` can load.
const PROTOCOL_FAMILY: u32 = 15;

const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;

fn condition(list: &mut Message, when: When, nat: &Nat) {
    const NAME_OF_INPUT: u32 = 6;
    const NAME_OF_OUTPUT: u32 = 7;
    const SOURCE: u32 = 12;
    const DESTINATION: u32 = 16;
    // Shorter than an interface's name: compares its beginning.
    let prefix = nat.prefix.as_bytes();
    match when {
        When::FromSandbox => {
            meta(list, NAME_OF_INPUT);
            compare(list, EQUAL, prefix);
        }
        When::ToSandbox => {
            meta(list, NAME_OF_OUTPUT);
            compare(list, EQUAL, prefix);
        }
        When::NotToSandbox => {
            meta(list, NAME_OF_OUTPUT);
            compare(list, NOT_EQUAL, prefix);
        }
        When::V6 => {
            meta(list, PROTOCOL_FAMILY);
            compare(list, EQUAL, &[libc::AF_INET6 as u8]);
        }
        When::Source(bytes) => address(list, SOURCE, EQUAL, bytes),
        When::NotSource(bytes) => address(list, SOURCE, NOT_EQUAL, bytes),
        When::Destination(bytes) => address(list, DESTINATION, EQUAL, bytes),
        When::Unasked => unasked(list),
    }
}

fn meta(list: &mut Message, key: u32) {
    expression(list, "meta", |data| {
        data.attribute(1, &REGISTER);
        data.attribute(2, &key.to_be_bytes());
    });
}

fn compare(list: &mut Message, operator: u32, value: &[u8]) {
    expression(list, "cmp", |data| {
        data.attribute(1, &REGISTER);
        data.attribute(2, &operator.to_be_bytes());
        data.nested(3, |wrapped| wrapped.attribute(1, value));
    });
}

/// The first two bytes of an address of an IPv4 packet.
fn address(list: &mut Message, offset: u32, operator: u32, bytes: [u8; 2]) {
    const NETWORK_HEADER: u32 = 1;
    meta(list, PROTOCOL_FAMILY);
    compare(list, EQUAL, &[libc::AF_INET as u8]);
    expression(list, "payload", |data| {
        data.attribute(1, &REGISTER);
        data.attribute(2, &NETWORK_HEADER.to_be_bytes());
        data.attribute(3, &offset.to_be_bytes());
        data.attribute(4, &2u32.to_be_bytes());
    });
    compare(list, operator, &bytes);
}

/// Neither established nor related, by connection tracking.
fn unasked(list: &mut Message) {
    const STATE: u32 = 0;
    const ESTABLISHED_OR_RELATED: u32 = 2 | 4;
    expression(list, "ct", |data| {
        data.attribute(1, &REGISTER);
        data.attribute(2, &STATE.to_be_bytes());
    });
    expression(list, "bitwise", |data| {
        data.attribute(1, &REGISTER);
        data.attribute(2, &REGISTER);
        data.attribute(3, &4u32.to_be_bytes());
        // The register holds the state in the host's order.
        data.nested(4, |mask| mask.attribute(1, &ESTABLISHED_OR_RELATED.to_ne_bytes()));
        data.nested(5, |xor| xor.attribute(1, &0u32.to_ne_bytes()));
    });
    compare(list, EQUAL, &0u32.to_ne_bytes());
}

fn verdict(list: &mut Message, then: Then) {
    match then {
        Then::Drop => expression(list, "immediate", |data| {
            // Register 0 is the verdict, and 0 is to drop.
            data.attribute(1, &0u32.to_be_bytes());
            data.nested(2, |value| value.nested(2, |verdict| verdict.attribute(1, &0u32.to_be_bytes())));
        }),
        Then::Masquerade => expression(list, "masq", |_| {}),
    }
}
