//! The header says what the library is.

use std::path::Path;
use std::{env, fs};

/// In the order in which a reader wants them.
const SOURCES: [&str; 5] = ["status.rs", "values.rs", "flash.rs", "memory.rs", "calls.rs"];

/// With `COGNATE_OVERWRITE` set, the header is written anew.
#[test]
fn the_header_is_what_cbindgen_makes_of_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let configuration = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(configuration);
    for source in SOURCES {
        builder = builder.with_src(root.join("src").join(source));
    }
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let (made, header) = (String::from_utf8(made).unwrap(), root.join("include/cognate.h"));
    if env::var_os("COGNATE_OVERWRITE").is_some() {
        fs::write(&header, &made).unwrap();
    }
    let found = fs::read_to_string(&header).unwrap();
    assert!(found == made, "include/cognate.h is old: COGNATE_OVERWRITE=1 cargo test --manifest-path capi/Cargo.toml");
}
