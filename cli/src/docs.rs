//! What is made out of the arguments: completions, man pages, docs/cli.md.

use crate::args::Args;
use crate::exit::Exit;
use crate::printer::Printer;
use anyhow::Context;
use clap::{Command, CommandFactory};
use std::io::Write;
use std::path::Path;

/// Prints the completion script of a shell.
pub(crate) fn completions(shell: clap_complete::Shell, out: &mut Printer) -> anyhow::Result<Exit> {
    // The generator panics where it cannot write: let it write into memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "tapo", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Fine)
}

/// Writes `tapo.1` and a page for each command into `dir`.
pub(crate) fn man(dir: &Path) -> anyhow::Result<Exit> {
    let command = Args::command();
    let pages = std::iter::once((String::from("tapo"), command.clone()))
        .chain(commands(&command).map(|c| (format!("tapo-{}", c.get_name()), c.clone())));
    for (name, command) in pages {
        let mut page = Vec::new();
        let command = command
            .name(name.clone())
            .version(env!("CARGO_PKG_VERSION"));
        clap_mangen::Man::new(command).render(&mut page)?;
        let path = dir.join(format!("{name}.1"));
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Exit::Fine)
}

/// Prints the reference of all commands: docs/cli.md.
pub(crate) fn markdown(out: &mut Printer) -> anyhow::Result<Exit> {
    writeln!(
        out,
        "# Commands\n\nMade by `tapo docs`; a test keeps it up to date.\n"
    )?;
    let root = Args::command().term_width(100);
    section(out, "tapo", root.clone())?;
    for command in commands(&root) {
        let name = format!("tapo {}", command.get_name());
        section(
            out,
            &name,
            command.clone().bin_name(name.clone()).term_width(100),
        )?;
    }
    Ok(Exit::Fine)
}

fn commands(root: &Command) -> impl Iterator<Item = &Command> {
    root.get_subcommands().filter(|c| !c.is_hide_set())
}

fn section(out: &mut Printer, name: &str, mut command: Command) -> anyhow::Result<()> {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    writeln!(
        out,
        "## {name}\n\n```text\n{}\n```\n",
        lines.join("\n").trim_end()
    )?;
    Ok(())
}
