//! What fuzz targets share: how the bytes that a fuzzer makes up become text.
//!
//! A target is an ordinary test, `fuzz` in the tests of its room. `cargo test` runs it a fixed number of times, on its seeds under `__fuzz__/` and
//! on random bytes; `cargo bolero` runs it for as long as it is told, guided by what the bytes reach. CONTRIBUTING.md has the commands.

/// How often a target runs in `cargo test`: a number and not a time, so that a slow machine tests as much.
pub const RUNS: usize = 2000;

/// As many bytes as a random input has at most.
pub const LONGEST: usize = 400;

/// A text in which these words are frequent: bytes of ASCII are themselves, so that seeds can be read and written, each other byte is a word.
pub fn text(input: &[u8], words: &[&str]) -> String {
    let mut text = String::new();
    for byte in input {
        match byte.checked_sub(0x80) {
            Some(word) => text.push_str(words[usize::from(word) % words.len()]),
            None => text.push(char::from(*byte)),
        }
    }
    text
}
