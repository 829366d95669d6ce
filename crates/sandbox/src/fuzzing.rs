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

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use proptest::prelude::*;
    use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, socketpair};

    use super::*;
    use crate::protocol::{SPACE_FROM_SLOT, receive_inline, send};

    /// Messages as the sandbox's first process writes them, so that the bytes get past the decoding.
    fn message() -> impl Strategy<Value = FromSlot> {
        use crate::error::SetupError;
        use crate::spec::ExitStatus;
        let number = prop_oneof![0u32..6, any::<u32>()];
        let error = prop::option::of(Just(SetupError::DiedEarly));
        let status = prop_oneof![any::<i32>().prop_map(ExitStatus::Code), Just(ExitStatus::Signal(9))];
        prop_oneof![
            Just(FromSlot::Prepared),
            (number.clone(), error).prop_map(|(request, error)| FromSlot::Answer { request, error }),
            (number, status).prop_map(|(process, status)| FromSlot::Exited { process, status }),
        ]
    }

    proptest! {
        #[test]
        fn bytes_from_a_sandbox_cause_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            from_slot(&bytes);
            to_helper(&bytes);
            to_slot(&bytes);
        }

        #[test]
        fn messages_in_any_order_cause_no_panic(messages in prop::collection::vec(message(), 0..20)) {
            let mut bytes = Vec::new();
            for message in &messages {
                let packet = [vec![0], postcard::to_stdvec(message).unwrap()].concat();
                bytes.extend(u16::try_from(packet.len()).unwrap().to_le_bytes());
                bytes.extend(packet);
            }
            from_slot(&bytes);
        }

        #[test]
        fn packets_of_any_bytes_are_messages_or_errors(bytes in prop::collection::vec(any::<u8>(), 1..400)) {
            let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
            rustix::io::write(&a, &bytes).unwrap();
            let _ = receive_inline::<FromSlot, SPACE_FROM_SLOT>(b.as_fd(), RecvFlags::empty());
            // Whatever it was, the next one is whole.
            send(a.as_fd(), &FromSlot::Prepared, &[]).unwrap();
            let next = receive_inline::<FromSlot, SPACE_FROM_SLOT>(b.as_fd(), RecvFlags::empty()).unwrap();
            prop_assert!(matches!(next, Some((FromSlot::Prepared, fds)) if fds.is_empty()));
        }
    }
}
