//! `init`: a configuration to begin from, or one out of definitions that are there already. Overwrites nothing.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Exit;
use super::args::{From, Global, InitArgs, Output};
use crate::config::{SCHEMA, render};
use crate::convert::{Conversion, Origin, Source, Weight, convert};

const SETTINGS: &str = include_str!("../../config/evenkeel.yaml");
const EXAMPLE: &str = include_str!("../../config/slos/checkout.yaml");
const FILES_MAX: usize = 1_000;
const DEPTH_MAX: usize = 16;
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A file that is to be written, and whether one that is there may stay as it is.
struct Planned {
    name: String,
    text: String,
    may_stay: bool,
}

impl Planned {
    fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), may_stay: false }
    }
}

pub(super) fn init(global: &Global, args: &InitArgs) -> Exit {
    match args.from {
        None => begin(global, args),
        Some(from) => migrate(global, args, from),
    }
}

fn begin(global: &Global, args: &InitArgs) -> Exit {
    if args.into == Path::new("-") {
        eprintln!("error: a configuration to begin from is several files\n  hint: --into DIR");
        return Exit::Usage;
    }
    let planned = [
        Planned::new("evenkeel.yaml", SETTINGS),
        Planned::new("slos/example.yaml", EXAMPLE),
        Planned { may_stay: true, ..Planned::new("evenkeel.schema.json", SCHEMA) },
    ];
    let written = match write(global, &args.into, &planned) {
        Ok(written) => written,
        Err(exit) => return exit,
    };
    if global.output != Output::Human {
        println!("{}", serde_json::json!({ "written": written }));
    } else if !global.quiet {
        let settings = place(&args.into, "evenkeel.yaml");
        eprintln!("next: evenkeel check -c {0}, then evenkeel run -c {0}", settings.display());
    }
    Exit::Done
}

fn migrate(global: &Global, args: &InitArgs, from: From) -> Exit {
    let sources = match gather(&args.paths) {
        Ok(sources) => sources,
        Err(why) => {
            eprintln!("error: {why}");
            return Exit::BadConfiguration;
        }
    };
    let (origin, name) = match from {
        From::Sloth => (Origin::Sloth, "Sloth"),
        From::Pyrra => (Origin::Pyrra, "Pyrra"),
        From::Openslo => (Origin::OpenSlo, "OpenSLO"),
    };
    match convert(origin, &sources, &args.window) {
        Ok(conversion) => finish(global, args, &conversion, name),
        Err(findings) => {
            let text = |file: &str| sources.iter().find(|one| one.path == file).map(|one| one.text.clone());
            eprint!("{}", render(&findings, &text));
            eprintln!("error: nothing is converted while a file can not be read");
            Exit::BadConfiguration
        }
    }
}

fn finish(global: &Global, args: &InitArgs, conversion: &Conversion, name: &str) -> Exit {
    let Conversion { files, remarks, converted, failed } = conversion;
    let any_failed = remarks.iter().any(|remark| remark.weight == Weight::Failed);
    for remark in remarks {
        match remark.weight {
            Weight::Failed => eprintln!("could not be converted: {} {}", remark.place, remark.text),
            Weight::Note if global.quiet => {}
            Weight::Note => eprintln!("note: {} {}", remark.place, remark.text),
        }
    }
    if files.is_empty() && !any_failed {
        eprintln!("error: there is no definition of {name} in what was given");
        return Exit::BadConfiguration;
    }
    if args.into == Path::new("-") {
        let texts: Vec<&str> = files.iter().map(|file| &*file.text).collect();
        print!("{}", texts.join("---\n"));
    } else if !files.is_empty() {
        let mut planned = vec![
            Planned { may_stay: true, ..Planned::new("evenkeel.yaml", SETTINGS) },
            Planned { may_stay: true, ..Planned::new("evenkeel.schema.json", SCHEMA) },
        ];
        planned
            .extend(files.iter().map(|file| Planned::new(format!("slos/{}.yaml", file.name), &*file.text)));
        match write(global, &args.into, &planned) {
            Ok(written) if global.output != Output::Human => {
                let counts =
                    serde_json::json!({ "written": written, "converted": converted, "failed": failed });
                println!("{counts}");
            }
            Ok(_) => {}
            Err(exit) => return exit,
        }
    }
    if !global.quiet {
        eprintln!("{converted} SLOs converted, {failed} not");
    }
    if any_failed { Exit::No } else { Exit::Done }
}

/// Writes all files, or none where one of them is there already; the paths of those written.
fn write(global: &Global, folder: &Path, planned: &[Planned]) -> Result<Vec<String>, Exit> {
    let is_there = |one: &&Planned| fs::symlink_metadata(place(folder, &one.name)).is_ok();
    let taken: Vec<&Planned> = planned.iter().filter(is_there).filter(|one| !one.may_stay).collect();
    for one in &taken {
        eprintln!("error: {} exists already", place(folder, &one.name).display());
    }
    if !taken.is_empty() {
        eprintln!("  hint: nothing is overwritten and nothing was written; --into DIR writes elsewhere");
        return Err(Exit::No);
    }
    let mut written = Vec::new();
    for one in planned {
        let path = place(folder, &one.name);
        match create(&path, &one.text) {
            Ok(()) => {
                if !global.quiet && global.output == Output::Human {
                    eprintln!("wrote {}", path.display());
                }
                written.push(path.display().to_string());
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists && one.may_stay => {}
            Err(error) => {
                eprintln!("error: {} can not be written: {error}", path.display());
                return Err(Exit::No);
            }
        }
    }
    Ok(written)
}

/// The current folder is not spelled out.
fn place(folder: &Path, name: &str) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) }
}

fn create(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

/// The YAML files of all paths, folders within folders included.
fn gather(paths: &[PathBuf]) -> Result<Vec<Source>, String> {
    let mut found = Vec::new();
    for path in paths {
        let is_folder = path.is_dir();
        let before = found.len();
        walk(path, path, DEPTH_MAX, &mut found)?;
        if is_folder && found.len() == before {
            return Err(format!("there is no YAML file in {}", path.display()));
        }
    }
    let mut sources: Vec<Source> = Vec::new();
    for (path, name) in found {
        let text = read(&path)?;
        let is_taken = |wish: &str| sources.iter().any(|one| one.name == wish);
        let mut wishes = (1_u32..).map(|n| if n == 1 { name.clone() } else { format!("{name}-{n}") });
        let name = wishes.find(|wish| !is_taken(wish)).unwrap_or(name.clone());
        sources.push(Source { path: path.display().to_string(), name, text });
    }
    Ok(sources)
}

fn walk(root: &Path, path: &Path, depth: usize, found: &mut Vec<(PathBuf, String)>) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{} can not be read: {error}", path.display());
    if !path.is_dir() {
        let inside = path.strip_prefix(root).ok().filter(|inside| !inside.as_os_str().is_empty());
        let inside = inside.unwrap_or_else(|| path.file_name().map_or(path, Path::new)).with_extension("");
        let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
        if found.len() == FILES_MAX {
            return Err(format!("there are more than {FILES_MAX} files"));
        }
        found.push((path.to_owned(), parts.join("-")));
        return Ok(());
    }
    if depth == 0 {
        return Err(format!("{} is more than {DEPTH_MAX} folders deep", path.display()));
    }
    let entries = fs::read_dir(path).map_err(told)?;
    let mut inside: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    inside.sort();
    let is_hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let is_yaml = |path: &Path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    // A folder behind a link may hold the one that it is in.
    let is_folder = |path: &Path| path.is_dir() && !path.is_symlink();
    for path in inside.iter().filter(|path| !is_hidden(path) && (is_folder(path) || is_yaml(path))) {
        walk(root, path, depth - 1, found)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    let told = |why: String| format!("{} can not be read: {why}", path.display());
    let meta = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => told("there is no such file".to_owned()),
        _ => told(error.to_string()),
    })?;
    if meta.len() > FILE_BYTES_MAX {
        return Err(told(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => told("it is not UTF-8 text".to_owned()),
        _ => told(error.to_string()),
    })
}
