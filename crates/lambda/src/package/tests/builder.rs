//! Zips record by record, so that every field may lie. Source: PKWARE's APPNOTE.TXT 6.3.

/// One entry. What is `None` is what an honest writer would put.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) name: Vec<u8>,
    /// As it stands in the archive.
    pub(super) data: Vec<u8>,
    pub(super) method: u16,
    pub(super) flags: u16,
    /// The system that made it: 3 is Unix, 0 is DOS.
    pub(super) system: u8,
    pub(super) external: u32,
    pub(super) crc: u32,
    pub(super) unzipped_size: u32,
    pub(super) zipped_size: Option<u32>,
    pub(super) local_name: Option<Vec<u8>>,
    pub(super) local_offset: Option<u32>,
}

impl Item {
    /// A stored file made on Unix.
    pub(super) fn file(name: impl AsRef<[u8]>, mode: u32, data: &[u8]) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            data: data.to_vec(),
            method: 0,
            flags: 0,
            system: 3,
            external: (0o100_000 | mode) << 16,
            crc: crc32(data),
            unzipped_size: u32::try_from(data.len()).unwrap(),
            zipped_size: None,
            local_name: None,
            local_offset: None,
        }
    }

    pub(super) fn dir(name: &str, mode: u32) -> Self {
        Self {
            external: (0o040_000 | mode) << 16 | 0x10,
            ..Self::file(name, 0, b"")
        }
    }

    pub(super) fn link(name: &str, target: &str) -> Self {
        Self {
            external: 0o120_777 << 16,
            ..Self::file(name, 0, target.as_bytes())
        }
    }

    /// Deflated, in blocks that are not compressed: an encoder of ten lines.
    pub(super) fn deflated(name: &str, data: &[u8]) -> Self {
        let mut item = Self::file(name, 0o644, data);
        item.method = 8;
        item.data.clear();
        let blocks: Vec<&[u8]> = if data.is_empty() { vec![data] } else { data.chunks(65_535).collect() };
        for (n, block) in blocks.iter().enumerate() {
            let len = u16::try_from(block.len()).unwrap();
            item.data.push(u8::from(n + 1 == blocks.len()));
            item.data.extend(len.to_le_bytes());
            item.data.extend((!len).to_le_bytes());
            item.data.extend(*block);
        }
        item
    }
}

pub(super) fn crc32(data: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256)
        .map(|byte: u32| (0..8).fold(byte, |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 }))
        .collect();
    !data.iter().fold(!0, |crc: u32, byte| (crc >> 8) ^ table[usize::from((crc as u8) ^ byte)])
}

#[derive(Default)]
struct Out(Vec<u8>);

impl Out {
    fn u16(&mut self, value: impl TryInto<u16>) -> &mut Self {
        self.0.extend(value.try_into().ok().unwrap().to_le_bytes());
        self
    }

    fn u32(&mut self, value: impl TryInto<u32>) -> &mut Self {
        self.0.extend(value.try_into().ok().unwrap().to_le_bytes());
        self
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }
}

/// The archive.
pub(super) fn zip(items: &[Item]) -> Vec<u8> {
    let mut out = Out::default();
    let mut directory = Out::default();
    for item in items {
        let offset = item.local_offset.unwrap_or_else(|| u32::try_from(out.0.len()).unwrap());
        let local_name = item.local_name.as_ref().unwrap_or(&item.name);
        out.u32(0x0403_4b50_u32).u16(20u16);
        described(&mut out, item);
        out.u16(local_name.len()).u16(0u16).raw(local_name).raw(&item.data);
        directory.u32(0x0201_4b50_u32).u16(u16::from(item.system) << 8 | 30).u16(20u16);
        described(&mut directory, item);
        directory.u16(item.name.len()).u16(0u16).u16(0u16).u16(0u16).u16(0u16);
        directory.u32(item.external).u32(offset).raw(&item.name);
    }
    let start = out.0.len();
    out.raw(&directory.0);
    out.u32(0x0605_4b50_u32).u16(0u16).u16(0u16).u16(items.len()).u16(items.len());
    out.u32(directory.0.len()).u32(start).u16(0u16);
    out.0
}

/// The fields that the local header and the directory share, in one order.
fn described(out: &mut Out, item: &Item) {
    let zipped_size = item.zipped_size.unwrap_or_else(|| u32::try_from(item.data.len()).unwrap());
    // 1 January 1980, midnight.
    out.u16(item.flags).u16(item.method).u16(0u16).u16(0x21u16);
    out.u32(item.crc).u32(zipped_size).u32(item.unzipped_size);
}
