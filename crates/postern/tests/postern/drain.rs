//! Going away in order.

use std::os::unix::net::UnixDatagram;

use postern_testing::{
    Backend, Gateway, Place, base_configuration, definition, expect, hang, http_proxy, run_program, until,
};
use serde_json::json;

use crate::support::saying;

#[test]
fn drain_readiness_goes_off_before_the_listeners_close() {
    let place = Place::new();
    let mut configuration = saying(&place, "one");
    configuration["limits"]["drainWaitSeconds"] = 300.into();
    let mut gateway = Gateway::start(place, configuration);
    gateway.signal("TERM");
    until("readiness to go off", || (gateway.ask_admin("GET", "/readyz").status() == 503).then_some(()));
    assert_eq!(gateway.get("/demo/hello").text(), "one");
    // A second signal does not wait.
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0), "{}", gateway.log());
}

#[test]
fn drain_what_takes_too_long_is_aborted() {
    let backend = Backend::script([expect("GET /slow"), hang()]);
    let place = Place::new();
    let paths = json!({"/slow": {"get": http_proxy("GET", backend.address(), "/slow")}});
    let mut configuration = base_configuration(&place, &definition(&paths));
    configuration["limits"]["drainSeconds"] = 0.into();
    let mut gateway = Gateway::start(place, configuration);
    let mut connection = gateway.wire();
    connection.send(format!("GET /demo/slow HTTP/1.1\r\nHost: {}\r\n\r\n", postern_testing::API_HOST));
    let _ = backend.request(0);
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(0), "{}", gateway.log());
    assert!(gateway.log_line("aborted").contains("\"aborted\":\"1\""));
    connection.ends();
}

#[test]
fn the_service_manager_hears_of_everything() {
    let place = Place::new();
    let path = place.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let news = || {
        let mut news = [0; 256];
        let length = manager.recv(&mut news).unwrap();
        String::from_utf8_lossy(&news[..length]).lines().next().unwrap().to_owned()
    };
    let configuration = saying(&place, "one");
    let path = path.to_str().unwrap().to_owned();
    let mut gateway = Gateway::start_with(place, configuration.clone(), &[("NOTIFY_SOCKET", &path)]);
    assert_eq!(news(), "READY=1");
    gateway.reload(configuration);
    assert_eq!((news(), news()), ("RELOADING=1".to_owned(), "READY=1".to_owned()));
    gateway.signal("TERM");
    // The file that was written anew may have been noticed too.
    let last = std::iter::repeat_with(news).find(|news| !matches!(&**news, "RELOADING=1" | "READY=1"));
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
    assert_eq!(gateway.wait().code(), Some(0));
}

#[test]
fn the_watchdog_is_fed() {
    let place = Place::new();
    let path = place.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let configuration = saying(&place, "one");
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "20000")];
    let _gateway = Gateway::start_with(place, configuration, &variables);
    let mut fed = 0;
    while fed < 3 {
        let mut news = [0; 256];
        let length = manager.recv(&mut news).unwrap();
        fed += usize::from(&news[..length] == b"WATCHDOG=1");
    }
}

#[test]
fn a_configuration_that_cannot_serve_ends_the_program_with_1() {
    let place = Place::new();
    let outcome = run_program(place.path(), &["run", "--config", "none.yaml"], "");
    assert_eq!((outcome.code, &*outcome.output), (Some(1), ""));
    assert!(outcome.complaints.contains("there is no such file"), "{}", outcome.complaints);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut configuration = saying(&place, "one");
    configuration["admin"]["address"] = taken.local_addr().unwrap().to_string().into();
    place.write("postern.yaml", &configuration.to_string());
    let outcome = run_program(place.path(), &["run", "--config", "postern.yaml"], "");
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.complaints.contains("the admin listener cannot listen on 127.0.0.1:"),
        "{}",
        outcome.complaints
    );
}
