//! For fuzz targets alone: what reads bytes that may come from a sandbox that is not our code any more.

use crate::handle::life::Life;
use crate::protocol::{FromSlot, Role, ToHelper, ToSlot, decode_inline};

/// A stream of messages, each led by two bytes for its length, to a server that awaits a few answers.
pub fn from_slot(bytes: &[u8]) {
    let mut life = Life::new(true);
    life.ask();
    life.ask_process(Role::Companion);
    life.ask_process(Role::Main);
    let mut rest = bytes;
    while let Some((length, following)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(following.len());
        let (packet, following) = following.split_at(length);
        rest = following;
        let Ok(message) = decode_inline::<FromSlot>(packet) else { return };
        if life.note(message, Vec::new(), || 1).is_err() {
            return;
        }
        let main = life.main();
        life.main_exit(main);
        (0..4).for_each(|request| drop(life.take_answer(request)));
    }
}

/// One message to the helper.
pub fn to_helper(bytes: &[u8]) {
    let _ = decode_inline::<ToHelper>(bytes);
}

/// One message to a sandbox's first process.
pub fn to_slot(bytes: &[u8]) {
    let _ = decode_inline::<ToSlot>(bytes);
}
