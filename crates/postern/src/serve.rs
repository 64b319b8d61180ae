//! The life of a gateway on the main thread: assembled, reloaded when something says so, drained.

use std::{io, panic, time::Duration};

use postern_observe::{Severity, log};
use postern_server::Inherited;
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
    time,
};

use crate::{
    assemble::{Source, assemble},
    descriptors,
    exit::Exit,
    handover::tell_predecessor,
    memory,
    reload::{Farewell, Gateway, tell},
    service_manager::{ServiceManager, watchdog_interval},
    signals::{self, EVENTS_MAX, Event, Events, Reloaded},
};

/// Serves until a signal or an event ends it. `started` is called once, when the gateway serves.
pub(crate) fn serve(source: Source, started: impl FnOnce(Events)) -> Exit {
    panic::set_hook(Box::new(log_fault));
    descriptors::take_all();
    // Before any thread starts: it takes its variables out of the environment.
    let served = Inherited::from_environment().and_then(|inherited| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(serve_within(source, inherited, started))
    });
    served.unwrap_or_else(|fault| {
        log(Severity::Error, "the gateway cannot run", &[("reason", &fault)]);
        Exit::Fault
    })
}

async fn serve_within(
    source: Source,
    inherited: Inherited,
    started: impl FnOnce(Events),
) -> io::Result<Exit> {
    let (events, mut happened) = mpsc::channel(EVENTS_MAX);
    signals::listen(&events)?;
    let mut gateway = match assemble(source, inherited, &events) {
        Ok(gateway) => gateway,
        Err(problems) => {
            tell(&problems);
            log(Severity::Error, "the configuration is refused", &[]);
            return Ok(Exit::WrongInput);
        }
    };
    let manager = ServiceManager::of_environment();
    manager.ready();
    tell_predecessor();
    if let Some(interval) = watchdog_interval() {
        tokio::spawn(stay_alive(interval));
    }
    tokio::spawn(memory::give_back_again_and_again());
    started(events);
    let farewell = live(&mut gateway, &mut happened, &manager).await;
    match farewell {
        Farewell::Asked => manager.stopping(),
        Farewell::Succeeded(successor) => {
            log(Severity::Info, "a successor serves", &[("process", &successor)]);
            manager.succeeded(successor);
        }
    }
    gateway.drain(farewell, until_terminated(&mut happened)).await;
    Ok(Exit::Done)
}

/// Does what events say, until one says that it is time to go.
async fn live(
    gateway: &mut Gateway,
    happened: &mut mpsc::Receiver<Event>,
    manager: &ServiceManager,
) -> Farewell {
    loop {
        let event = next(happened, gateway.has_leftovers()).await;
        gateway.tidy();
        match event {
            Some(Event::Terminate) => return Farewell::Asked,
            Some(Event::Succeeded(successor)) => return Farewell::Succeeded(successor),
            Some(Event::HandOver) => gateway.hand_over(),
            Some(Event::SuccessorFailed(reason)) => gateway.take_back(&reason),
            Some(Event::Reload(answer)) => reload(gateway, manager, answer),
            Some(Event::FilesChanged) | None => {}
        }
        if gateway.files_have_changed() {
            reload(gateway, manager, None);
        }
    }
}

/// The next event; none when it is time to look at what was replaced.
async fn next(happened: &mut mpsc::Receiver<Event>, has_leftovers: bool) -> Option<Event> {
    // The channel is never closed: the gateway holds an end of it.
    if has_leftovers { time::timeout(TIDYING, happened.recv()).await.ok()? } else { happened.recv().await }
}

/// How long what was replaced waits until it is looked at again.
const TIDYING: Duration = Duration::from_secs(1);

fn reload(gateway: &mut Gateway, manager: &ServiceManager, answer: Option<oneshot::Sender<Reloaded>>) {
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
