//! What is made out of the arguments.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Folder, run};

#[test]
fn the_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
    let (code, made, _) = run(["docs"]);
    assert_eq!(code, 0);
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == made,
        "make it again: cargo run -- docs > docs/cli.md"
    );
}

#[test]
fn every_command_has_examples_a_man_page_and_completions() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["man", "."]).0, 0);
    for command in [
        "record", "finalize", "inspect", "protect", "snapshot", "status", "camera",
    ] {
        let (code, help, _) = run([command, "--help"]);
        assert_eq!(code, 0);
        assert!(help.contains("Examples:\n  tapo "), "{help}");
        let page = std::fs::read_to_string(folder.path(&format!("tapo-{command}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = run(["completions", shell]);
        assert!(code == 0 && script.contains("finalize"), "{shell}");
    }
    assert_eq!(folder.run(&["man", "no/such/folder"]).0, 1);
}
