//! Plugins of other machines: they do not load here, and are listed with what they say of
//! themselves.

use op_listener_tests::Setup;

use crate::stage::{listed, shipped};

pub(crate) const METADATA: &str = r#"{"op_listener":1,"id":"far","version":"2.1.0","vendor":"example.com","license":"MIT","interface":"1.0","panic":"unwind","listeners":[{"spi":"id_token_issue","class":"far::Away"}]}"#;

/// Numbers, in little-endian order, one behind the other.
fn put(bytes: &mut Vec<u8>, number: impl Into<u64>, size: usize) {
    let number: u64 = number.into();
    bytes.extend_from_slice(&number.to_le_bytes()[..size]);
}

fn name(bytes: &mut Vec<u8>, name: &str, size: usize) {
    let end = bytes.len() + size;
    bytes.extend_from_slice(name.as_bytes());
    bytes.resize(end, 0);
}

/// A DLL for x86-64 with one section (Microsoft's "PE format", sections "File headers" and
/// "Section table").
pub(crate) fn pe() -> Vec<u8> {
    let mut bytes = b"MZ".to_vec();
    bytes.resize(0x3c, 0);
    put(&mut bytes, 0x40_u32, 4);
    bytes.extend_from_slice(b"PE\0\0");
    put(&mut bytes, 0x8664_u32, 2);
    put(&mut bytes, 1_u32, 2);
    bytes.resize(bytes.len() + 12, 0);
    put(&mut bytes, 112_u32, 2);
    // An executable image, and a DLL.
    put(&mut bytes, 0x2022_u32, 2);
    let optional = bytes.len();
    // For 64 bits, and without data directories.
    put(&mut bytes, 0x20b_u32, 2);
    bytes.resize(optional + 112, 0);
    let length = u32::try_from(METADATA.len()).unwrap();
    let start = u32::try_from(bytes.len() + 40).unwrap();
    name(&mut bytes, ".oplstnr", 8);
    for field in [length, 0x1000, length, start] {
        put(&mut bytes, field, 4);
    }
    bytes.resize(bytes.len() + 12, 0);
    // Data that can be read.
    put(&mut bytes, 0x4000_0040_u32, 4);
    bytes.extend_from_slice(METADATA.as_bytes());
    bytes
}

/// A dynamic library for 64-bit ARM with one section (`mach-o/loader.h`).
pub(crate) fn mach_o() -> Vec<u8> {
    let mut bytes = Vec::new();
    let command: u32 = 72 + 80;
    // The magic number, the processor and its kind, `MH_DYLIB`, the commands, no flags.
    for field in [0xfeed_facf_u32, 0x0100_000c, 0, 6, 1, command, 0, 0] {
        put(&mut bytes, field, 4);
    }
    let (start, length) = (32 + u64::from(command), METADATA.len() as u64);
    put(&mut bytes, 0x19_u32, 4);
    put(&mut bytes, command, 4);
    name(&mut bytes, "__DATA", 16);
    for field in [0x1000, 0x1000, 0, start + length] {
        put(&mut bytes, field, 8);
    }
    for field in [1_u32, 1, 1, 0] {
        put(&mut bytes, field, 4);
    }
    name(&mut bytes, "__op_listener", 16);
    name(&mut bytes, "__DATA", 16);
    put(&mut bytes, 0x1000_u32, 8);
    put(&mut bytes, length, 8);
    put(&mut bytes, start, 4);
    bytes.resize(bytes.len() + 28, 0);
    bytes.extend_from_slice(METADATA.as_bytes());
    bytes
}

#[test]
fn a_plugin_of_another_machine_is_listed_with_its_metadata_and_the_reason() {
    let setup = Setup::new();
    setup.file("plugins/mach-o.so", mach_o());
    setup.file("plugins/pe.so", pe());
    let mut arm = shipped().to_vec();
    // `EM_AARCH64`, in `e_machine`.
    arm[18..20].copy_from_slice(&183_u16.to_le_bytes());
    setup.file("plugins/zarm.so", arm);
    let listed = listed(&setup, 64 << 10);
    let shown = |member: &str| -> Vec<&str> {
        let values = listed.iter().map(|file| file[member].as_str());
        values.map(Option::unwrap_or_default).collect()
    };
    assert_eq!(shown("plugin"), ["far", "far", "audit-log"]);
    assert_eq!(shown("version"), ["2.1.0", "2.1.0", "0.1.0"]);
    assert_eq!(shown("interface"), ["1.0"; 3]);
    assert_eq!(listed[0]["listeners"][0]["class"], "far::Away");
    assert_eq!(listed[2]["listeners"].as_array().unwrap().len(), 3);
    let host = format!("{} {}", std::env::consts::ARCH, std::env::consts::OS);
    let foreign =
        |what: &str| format!("is built for another machine ({what}): use a build for {host}");
    assert_eq!(
        shown("reason"),
        [
            foreign("MachO, Aarch64, 64 bits"),
            foreign("Pe, X86_64, 64 bits"),
            foreign("Elf, Aarch64, 64 bits"),
        ]
    );
    assert!(listed.iter().all(|file| file["loads"] == false));
    let text = setup.call(&["list"]).stdout;
    assert!(text.contains("plugin     far 2.1.0"), "{text}");
}
