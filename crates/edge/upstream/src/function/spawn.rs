//! Starting a process: its command, its environment, its limits.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
};

use postern_gateway::HostedFunction;
use postern_model::FunctionProcess;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::process::{Child, Command};

/// A process that was started, and where it finds its Runtime API.
pub(crate) struct Spawned {
    pub(crate) child: Child,
    pub(crate) listener: TcpListener,
    pub(crate) group: Option<Pid>,
}

/// Starts a process of a function. It has an address of its own, so that no process can answer for
/// another.
pub(crate) fn spawn(function: &HostedFunction) -> io::Result<Spawned> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let runtime_api = listener.local_addr()?.to_string();
    let process = &function.process;
    let mut words = process.command.iter().map(|word| &**word);
    let program = words.next().unwrap_or_default();
    let child = Command::new(program)
        .args(words)
        .current_dir(&process.working_directory)
        .env_clear()
        .envs(variables(function, &runtime_api))
        .envs(process.environment.iter().map(|(name, value)| (&**name, &**value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // What it starts itself can be ended with it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("`{program}`: {error}")))?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(mebibytes) = process.memory_mebibytes {
        limit_memory(group, u64::from(mebibytes) << 20)?;
    }
    Ok(Spawned { child, listener, group })
}

/// The runtime's own variables (lambda-events.md section 8). `environment` may change those that are no
/// fact.
fn variables(function: &HostedFunction, runtime_api: &str) -> Vec<(&'static str, String)> {
    let HostedFunction { name, region, process, .. } = function;
    let memory = process.memory_mebibytes.unwrap_or(FunctionProcess::MEMORY_MEBIBYTES);
    let root = std::path::absolute(&process.working_directory);
    let root = root.unwrap_or_else(|_| process.working_directory.clone());
    vec![
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("_HANDLER", process.command.last().map(ToString::to_string).unwrap_or_default()),
        ("LAMBDA_TASK_ROOT", root.to_string_lossy().into_owned()),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", runtime_api.to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_REGION", region.to_string()),
        ("AWS_DEFAULT_REGION", region.to_string()),
    ]
}

/// Bounds what a process may write to: its heap and its private mappings. The address space is not
/// bounded, since runtimes reserve much more of it than they use.
fn limit_memory(process: Option<Pid>, bytes: u64) -> io::Result<()> {
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    match process {
        Some(process) => Ok(prlimit(Some(process), Resource::Data, limit).map(|_| ())?),
        None => Ok(()),
    }
}

/// How a process ended, in the service's words.
pub(crate) fn how_it_ended(status: &ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(9)) => "signal: killed".to_owned(),
        (None, Some(signal)) => format!("signal: {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}
