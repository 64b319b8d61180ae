//! `functions`: what the ARNs in integrations lead to.

use postern_document::{Node, Problems};
use postern_model::{
    Function, FunctionBackend, FunctionName, FunctionProcess, HttpEndpoint, InvokeEndpoint, Partition, Region,
};

use crate::{fields::Section, reading::Reading, section::listeners::path_text, unique::Unique};

/// Reads the list.
pub(crate) fn read(
    root: &mut Section<'_>,
    region: Option<&Region>,
    reading: &mut Reading<'_>,
) -> Vec<Function> {
    let mut names = Unique::of("functionName");
    root.sections("functions", &mut reading.problems)
        .into_iter()
        .filter_map(|section| function(section, region, &mut names, reading))
        .collect()
}

fn function(
    mut section: Section<'_>,
    region: Option<&Region>,
    names: &mut Unique<String>,
    reading: &mut Reading<'_>,
) -> Option<Function> {
    let name: Option<FunctionName> = section.required("functionName", str::parse, &mut reading.problems);
    if let (Some(name), Some(node)) = (&name, section.node("functionName")) {
        names.claim(name.as_str().to_owned(), &node.place, &mut reading.problems);
    }
    check_backends(&mut section, &mut reading.problems);
    let timeout_seconds = small(&mut section, "timeoutSeconds", &mut reading.problems);
    if let Some(process) = section.section("process", &mut reading.problems) {
        let timeout_seconds = timeout_seconds.unwrap_or(FunctionProcess::TIMEOUT_SECONDS);
        let process = process_of(process, timeout_seconds, reading);
        return Some(Function { name: name?, backend: FunctionBackend::Process(process?) });
    }
    let problems = &mut reading.problems;
    let backend = if let Some(emulator) = section.section("runtimeInterfaceEmulator", problems) {
        let mut emulator = emulator;
        let endpoint = emulator.required("endpoint", str::parse, problems);
        endpoint.map(FunctionBackend::RuntimeInterfaceEmulator)
    } else {
        let invoke = section.section("invoke", problems)?;
        invoke_of(invoke, region, problems).map(FunctionBackend::Invoke)
    };
    Some(Function { name: name?, backend: backend? })
}

/// There is exactly one of the three, and nothing that belongs to another.
fn check_backends(section: &mut Section<'_>, problems: &mut Problems) {
    let nodes = ["process", "invoke", "runtimeInterfaceEmulator"].map(|key| (key, section.node(key)));
    let mut written = nodes.iter().filter_map(|(key, node)| Some((*key, (*node)?)));
    let Some((first, _)) = written.next() else {
        let message = "a function has no backend: expected `process`, `invoke` or `runtimeInterfaceEmulator`";
        return problems.error(section.place(), message);
    };
    for (key, node) in written {
        problems.error(&node.place, format!("`{key}` stands beside `{first}`: expected one of them"));
    }
    if let Some(node) = section.node("timeoutSeconds").filter(|_| first != "process") {
        problems.error(&node.place, format!("`timeoutSeconds` is for a `process` alone, not for `{first}`"));
    }
}

fn process_of(
    mut section: Section<'_>,
    timeout_seconds: u32,
    reading: &mut Reading<'_>,
) -> Option<FunctionProcess> {
    let command = command(&mut section, &mut reading.problems);
    let directory = section.optional("workingDirectory", path_text, &mut reading.problems);
    let working_directory = reading.path(directory.as_deref().unwrap_or("."));
    let problems = &mut reading.problems;
    let environment = environment(&mut section, problems);
    Some(FunctionProcess {
        working_directory,
        environment,
        concurrency: small(&mut section, "concurrency", problems).unwrap_or(1),
        idle_seconds: small(&mut section, "idleSeconds", problems).unwrap_or(1),
        memory_mebibytes: small(&mut section, "memoryMiB", problems),
        timeout_seconds,
        command: command?,
    })
}

fn command(section: &mut Section<'_>, problems: &mut Problems) -> Option<Vec<Box<str>>> {
    let words = section.required_list("command", problems);
    let mut command = Vec::new();
    for node in words {
        match node.as_scalar_text().filter(|text| !text.contains('\0')) {
            Some(text) => command.push(text.into()),
            None => {
                problems.error(&node.place, format!("a word of `command` is {}: expected text", node.kind()))
            }
        }
    }
    (!command.is_empty() && command.len() == words.len()).then_some(command)
}

fn environment(section: &mut Section<'_>, problems: &mut Problems) -> Vec<(Box<str>, Box<str>)> {
    let mut variables = Vec::new();
    for entry in section.map("environment", problems) {
        let key = &entry.key;
        let is_name = !key.is_empty()
            && !key.starts_with(|first: char| first.is_ascii_digit())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let value = entry.value.as_scalar_text().filter(|text| !text.contains('\0'));
        if RESERVED.contains(&&**key) {
            problems.error(&entry.place, format!("`{key}` is the runtime's own and cannot be set"));
        } else if !is_name {
            problems.error(&entry.place, format!("`{key}` is no name of a variable"));
        } else if let Some(value) = value {
            variables.push((key.clone(), value.into()));
        } else {
            let kind = Node::kind(&entry.value);
            problems.error(&entry.value.place, format!("`{key}` is {kind}: expected one value"));
        }
    }
    variables
}

/// What only the runtime's host can say, and what would change how the official clients speak.
const RESERVED: &[&str] = &[
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "LAMBDA_TASK_ROOT",
];

fn invoke_of(
    mut section: Section<'_>,
    region: Option<&Region>,
    problems: &mut Problems,
) -> Option<InvokeEndpoint> {
    let is_signed = section.choice("signing", problems) != Some("none");
    let written: Option<HttpEndpoint> = section.optional("endpoint", str::parse, problems);
    let endpoint = match section.node("endpoint") {
        Some(_) => written,
        // The service's own, which a company's `dnsSuffix` does not rename.
        None => {
            let region = region?;
            let suffix = Partition::of(region).dns_suffix();
            format!("https://lambda.{region}.{suffix}").parse().ok()
        }
    };
    Some(InvokeEndpoint { endpoint: endpoint?, is_signed })
}

fn small(section: &mut Section<'_>, name: &'static str, problems: &mut Problems) -> Option<u32> {
    section.whole(name, problems).and_then(|number| u32::try_from(number).ok())
}
