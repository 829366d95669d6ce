//! The one thing that Java cannot do by itself: change the variables and the working directory of its process.
//!
//! A parked Java process becomes a function's, so it must. The bootstrap comes as source and is compiled by the host's
//! JDK, but no host need have a C compiler. So this writes the library directly: an ELF file of a few hundred bytes with
//! three functions, each of which moves the arguments of a native method to where C expects them and jumps to the
//! C library's function of that name, which the dynamic linker has put into a table.

/// Native methods of `hearth.runtime.Environment`, and what each is in C. All take three words and give one.
const FUNCTIONS: [&str; 3] = ["chdir", "setenv", "unsetenv"];
const CLASS: &str = "Java_hearth_runtime_Environment_";

const PAGE: u64 = 0x1000;
const HEADER: u64 = 64;
const SEGMENTS: u64 = 4;

/// How one processor calls, after the conventions of its Linux ABI.
struct Machine {
    /// `e_machine`.
    number: u16,
    /// The relocation that fills a slot with an address.
    relocation: u64,
    /// Bytes of one function.
    size: u64,
    /// A function that lies at the first address, and its slot at the second.
    code: fn(u64, u64) -> Vec<u8>,
}

const X86_64: Machine = Machine {
    number: 62,
    relocation: 6,
    size: 16,
    code: |at, slot| {
        // mov rdi, rdx; mov rsi, rcx; mov rdx, r8; jmp [rip + slot]
        let mut code = vec![0x48, 0x89, 0xd7, 0x48, 0x89, 0xce, 0x4c, 0x89, 0xc2, 0xff, 0x25];
        code.extend(((slot - (at + 15)) as u32).to_le_bytes());
        code
    },
};

const AARCH64: Machine = Machine {
    number: 183,
    relocation: 1025,
    size: 24,
    code: |at, slot| {
        let distance = (slot - (at + 12)) as u32;
        // adr x16, slot
        let adr = 0x1000_0010 | (distance & 3) << 29 | (distance >> 2 & 0x7_ffff) << 5;
        // mov x0, x2; mov x1, x3; mov x2, x4; adr; ldr x16, [x16]; br x16
        let words: [u32; 6] = [0xaa02_03e0, 0xaa03_03e1, 0xaa04_03e2, adr, 0xf940_0210, 0xd61f_0200];
        words.into_iter().flat_map(u32::to_le_bytes).collect()
    },
};

/// The library for the processor that this program runs on; `None` for one that it knows no code for.
pub(super) fn library() -> Option<Vec<u8>> {
    match std::env::consts::ARCH {
        "x86_64" => Some(build(&X86_64)),
        "aarch64" => Some(build(&AARCH64)),
        _ => None,
    }
}

/// One page is mapped twice: to be read and executed at 0, and to be written at the next address, where the dynamic
/// linker fills in the table and its own section.
fn build(machine: &Machine) -> Vec<u8> {
    let count = FUNCTIONS.len() as u64;
    let mut strings = vec![0];
    let mut name = |text: String| {
        let at = strings.len() as u32;
        strings.extend(text.into_bytes());
        strings.push(0);
        at
    };
    let imported: Vec<u32> = FUNCTIONS.iter().map(|function| name((*function).to_owned())).collect();
    let exported: Vec<u32> = FUNCTIONS.iter().map(|function| name(format!("{CLASS}{function}"))).collect();

    let code_at = HEADER + SEGMENTS * 56;
    let symbols_at = code_at + machine.size * count;
    let symbols = 1 + 2 * count;
    let hash_at = symbols_at + symbols * 24;
    let strings_at = hash_at + 4 * (2 + 1 + symbols);
    let relocations_at = (strings_at + strings.len() as u64).next_multiple_of(8);
    let data_at = relocations_at + count * 24;
    let slot = |index: u64| PAGE + data_at + 8 * index;
    let dynamic_at = data_at + 8 * count;

    let mut file = Words(Vec::new());
    file.raw(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.u16(3).u16(machine.number).u32(1).u64(0).u64(HEADER).u64(0).u32(0);
    file.u16(64).u16(56).u16(SEGMENTS as u16).u16(64).u16(0).u16(0);
    let dynamic: Vec<[u64; 2]> = vec![
        [4, hash_at],
        [5, strings_at],
        [6, symbols_at],
        [10, strings.len() as u64],
        [11, 24],
        [7, relocations_at],
        [8, count * 24],
        [9, 24],
        // All of it is filled in when it is loaded.
        [30, 8],
        [0, 0],
    ];
    let end = dynamic_at + 16 * dynamic.len() as u64;
    let (load, dynamic_segment, stack) = (1, 2, 0x6474_e551);
    file.segment(load, 5, 0, 0, end, PAGE);
    file.segment(load, 6, data_at, PAGE + data_at, end - data_at, PAGE);
    file.segment(dynamic_segment, 6, dynamic_at, PAGE + dynamic_at, end - dynamic_at, 8);
    // Without this one the linker would make the stack executable.
    file.segment(stack, 6, 0, 0, 0, 16);
    for index in 0..count {
        let at = code_at + machine.size * index;
        file.raw(&(machine.code)(at, slot(index)));
        file.pad(at + machine.size);
    }
    file.u64(0).u64(0).u64(0);
    for name in imported {
        // Global, a function, undefined.
        file.u32(name).u16(0x12).u16(0).u64(0).u64(0);
    }
    for (index, name) in (0..).zip(exported) {
        // Global, a function, in a section that is not the undefined one.
        file.u32(name).u16(0x12).u16(1).u64(code_at + machine.size * index).u64(machine.size);
    }
    // One bucket, whose chain goes through every symbol.
    file.u32(1).u32(symbols as u32).u32(1).u32(0);
    for next in 2..=symbols as u32 {
        file.u32(if u64::from(next) == symbols { 0 } else { next });
    }
    file.pad(strings_at).raw(&strings);
    file.pad(relocations_at);
    for index in 0..count {
        file.u64(slot(index)).u64((index + 1) << 32 | machine.relocation).u64(0);
    }
    file.pad(dynamic_at);
    for [tag, value] in dynamic {
        file.u64(tag).u64(value);
    }
    file.0
}

/// A file that is written from its beginning to its end.
struct Words(Vec<u8>);

impl Words {
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn pad(&mut self, to: u64) -> &mut Self {
        self.0.resize(to as usize, 0);
        self
    }

    fn segment(&mut self, kind: u32, flags: u32, offset: u64, address: u64, size: u64, align: u64) {
        self.u32(kind).u32(flags).u64(offset).u64(address).u64(address).u64(size).u64(size).u64(align);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract's tests load it into real Java; this is about the processor that they do not run on.
    #[track_caller]
    fn check(machine: &Machine, first_function: &[u8]) {
        let file = build(machine);
        assert!(file.len() < PAGE as usize, "one page is mapped, found {} bytes", file.len());
        assert_eq!(&file[..4], b"\x7fELF");
        let code = (HEADER + SEGMENTS * 56) as usize;
        assert_eq!(&file[code..code + first_function.len()], first_function);
        for function in FUNCTIONS {
            let name = format!("{CLASS}{function}\0");
            assert!(file.windows(name.len()).any(|window| window == name.as_bytes()), "{function}");
        }
    }

    #[test]
    fn both_processors_get_their_code() {
        check(&X86_64, &[0x48, 0x89, 0xd7, 0x48, 0x89, 0xce, 0x4c, 0x89, 0xc2, 0xff, 0x25]);
        check(&AARCH64, &[0xe0, 0x03, 0x02, 0xaa, 0xe1, 0x03, 0x03, 0xaa, 0xe2, 0x03, 0x04, 0xaa]);
    }
}
