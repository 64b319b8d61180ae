//! The life of a gateway on the main thread: assembled, reloaded when something says so, drained.

use std::{io, panic, time::Duration};

use postern_observe::{Severity, log};
use tokio::{runtime::Builder, sync::mpsc, time};

use crate::{
    assemble::{Source, assemble},
    exit::Exit,
    reload::{Gateway, tell},
    service_manager::{ServiceManager, watchdog_interval},
    signals::{self, EVENTS_MAX, Event, Events},
};

/// Serves until a signal or an event ends it. `started` is called once, when the gateway serves.
pub(crate) fn serve(source: Source, started: impl FnOnce(Events)) -> Exit {
    panic::set_hook(Box::new(log_fault));
    let runtime = Builder::new_current_thread().enable_all().build();
    let served = runtime.and_then(|runtime| runtime.block_on(serve_within(source, started)));
    served.unwrap_or_else(|fault| {
        log(Severity::Error, "the gateway cannot run", &[("reason", &fault)]);
        Exit::Fault
    })
}

async fn serve_within(source: Source, started: impl FnOnce(Events)) -> io::Result<Exit> {
    let (events, mut happened) = mpsc::channel(EVENTS_MAX);
    signals::listen(&events)?;
    let mut gateway = match assemble(source, &events) {
        Ok(gateway) => gateway,
        Err(problems) => {
            tell(&problems);
            log(Severity::Error, "the configuration is refused", &[]);
            return Ok(Exit::WrongInput);
        }
    };
    let manager = ServiceManager::of_environment();
    manager.ready();
    if let Some(interval) = watchdog_interval() {
        tokio::spawn(stay_alive(interval));
    }
    started(events);
    while let Some(event) = next(&mut happened, gateway.has_leftovers()).await {
        act(event, &mut gateway, &manager);
    }
    manager.stopping();
    gateway.drain(until_terminated(&mut happened)).await;
    Ok(Exit::Done)
}

/// The next thing to do; `None` when it is time to go.
async fn next(happened: &mut mpsc::Receiver<Event>, has_leftovers: bool) -> Option<Option<Event>> {
    let event = if has_leftovers {
        match time::timeout(TIDYING, happened.recv()).await {
            Ok(event) => event,
            Err(_) => return Some(None),
        }
    } else {
        happened.recv().await
    };
    event.filter(|event| !matches!(event, Event::Terminate)).map(Some)
}

/// How long what was replaced waits until it is looked at again.
const TIDYING: Duration = Duration::from_secs(1);

fn act(event: Option<Event>, gateway: &mut Gateway, manager: &ServiceManager) {
    gateway.tidy();
    let answer = match event {
        Some(Event::Reload(answer)) => answer,
        Some(Event::FilesChanged) if gateway.files_have_changed() => None,
        _ => return,
    };
    manager.reloading();
    let reloaded = gateway.reload();
    manager.ready();
    if let Some(answer) = answer {
        // Whoever asked may have gone away.
        let _ = answer.send(reloaded);
    }
}

/// Until a second signal says to end at once.
async fn until_terminated(happened: &mut mpsc::Receiver<Event>) {
    while !matches!(happened.recv().await, None | Some(Event::Terminate)) {}
}

/// Tells the service manager again and again that the main thread is alive.
async fn stay_alive(interval: Duration) {
    let manager = ServiceManager::of_environment();
    loop {
        manager.alive();
        time::sleep(interval).await;
    }
}

/// Logs a fault of the program as one line. What is caught is counted where it is caught.
fn log_fault(fault: &panic::PanicHookInfo<'_>) {
    let place = fault.location().map_or_else(String::new, ToString::to_string);
    let payload = fault.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let what = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
    log(Severity::Error, "a fault of the program", &[("what", &what), ("at", &place)]);
}
