//! `postern demo`: the walkthrough of private endpoints, whole, on this machine alone.

mod client;
mod function;
mod invitation;
mod pet_store;
mod scene;
mod walk;

use std::{sync::mpsc, thread};

use clap::{Arg, ArgAction, ArgMatches};
use postern_observe::{Severity, log_from};

pub(crate) use self::function::COMMAND as FUNCTION;
use self::scene::{Ports, Scene};
use super::{
    Action, Command,
    terminal::{complain, say},
};
use crate::{exit::Exit, serve::serve, signals::Event};

pub(crate) const COMMAND: Command = Command {
    name: "demo",
    about: "The walkthrough of private APIs, on this machine alone: two VPC endpoints, a policy, a pet store",
    action: Action::Run { arguments, run },
};

fn arguments() -> Vec<Arg> {
    let check = Arg::new("check").long("check").action(ArgAction::SetTrue);
    vec![check.help("Walks by itself, prints one line a step, and ends; fails if any answer is wrong")]
}

fn run(matches: &ArgMatches) -> Exit {
    // What the gateway logs is for operators; here people read.
    log_from(Severity::Error);
    let walks = matches.get_flag("check");
    let ports = if walks { Ports::Any } else { Ports::Usual };
    match Scene::set(ports) {
        Ok(scene) if walks => check(&scene),
        Ok(scene) => show(&scene),
        Err(fault) => {
            complain(format_args!("the demo cannot be set up: {fault}"));
            Exit::Fault
        }
    }
}

/// Serves until it is interrupted.
fn show(scene: &Scene) -> Exit {
    serve(scene.source(), |_| scene.invitation().iter().for_each(say))
}

/// Walks while the gateway serves, then ends it.
fn check(scene: &Scene) -> Exit {
    let (told, outcome) = mpsc::channel();
    let served = thread::scope(|scope| {
        serve(scene.source(), |events| {
            scope.spawn(move || {
                let all_right = walk::walk(scene, &mut |line| say(line));
                let _ = told.send(all_right);
                let _ = events.blocking_send(Event::Terminate);
            });
        })
    });
    match outcome.try_recv() {
        Ok(true) => served,
        Ok(false) => Exit::WrongInput,
        Err(_) => Exit::Fault,
    }
}
