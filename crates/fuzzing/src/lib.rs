//! Every parser that reads bytes from inside a sandbox, as a function of bytes.
//!
//! `make fuzz` drives each with coverage (`fuzz/`); the test here drives each with its seeds and
//! mutations of them, the same ones every time, so that what was once found stays found.
#![forbid(unsafe_code)]

mod seeds;
pub mod targets;

/// One parser.
pub struct Target {
    pub name: &'static str,
    /// Who writes these bytes, and who reads them.
    pub reads: &'static str,
    pub run: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them; `fuzz/fuzz_targets/` has a file for each.
pub const TARGETS: &[Target] = &[
    Target {
        name: "channel",
        reads: "frames of our bootstraps' lean channel",
        run: targets::channel,
        seeds: seeds::channel,
    },
    Target {
        name: "log_frames",
        reads: "records on the telemetry descriptor",
        run: targets::log_frames,
        seeds: seeds::log_frames,
    },
    Target {
        name: "log_lines",
        reads: "what a function prints, cut into lines and told by level",
        run: targets::log_lines,
        seeds: seeds::log_lines,
    },
    Target {
        name: "runtime_api",
        reads: "requests to the Runtime, Extensions, Telemetry and Logs APIs",
        run: targets::runtime_api,
        seeds: seeds::runtime_api,
    },
    Target {
        name: "from_sandbox",
        reads: "messages of a sandbox's first process to the server",
        run: targets::from_sandbox,
        seeds: seeds::messages,
    },
    Target {
        name: "to_helper",
        reads: "messages to the helper and to a sandbox's first process",
        run: targets::to_helper,
        seeds: seeds::messages,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    const ROUNDS: usize = 400;

    /// xorshift: the same mutations every time.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % sides.max(1) as u64).unwrap_or(0)
        }
    }

    fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
        let at = dice.roll(bytes.len());
        match dice.roll(5) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.roll(8),
            1 if !bytes.is_empty() => bytes[at] = [0, 0x7f, 0x80, 0xff, b'\r', b'\n', b'{'][dice.roll(7)],
            2 => bytes.truncate(at),
            3 => {
                let piece = bytes[at..].to_vec();
                bytes.extend(piece);
            }
            _ => bytes.insert(at, dice.roll(256).to_le_bytes()[0]),
        }
    }

    #[test]
    fn seeds_and_their_mutations_are_survived() {
        for target in TARGETS {
            let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{} has no seed", target.name);
            for seed in seeds {
                (target.run)(&seed);
                for _ in 0..ROUNDS {
                    let mut bytes = seed.clone();
                    for _ in 0..=dice.roll(6) {
                        mutate(&mut bytes, &mut dice);
                    }
                    (target.run)(&bytes);
                }
            }
        }
    }

    /// A target that nothing drives with coverage would be forgotten.
    #[test]
    fn each_has_a_file_for_the_fuzzer() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");
        let manifest = std::fs::read_to_string(format!("{root}/Cargo.toml")).unwrap_or_default();
        for target in TARGETS {
            let file = std::fs::read_to_string(format!("{root}/fuzz_targets/{}.rs", target.name)).unwrap_or_default();
            assert!(file.contains(&format!("targets::{}", target.name)), "{}", target.name);
            assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
        }
    }
}
