//! What `postern demo` tells a person: what listens where, and lines to paste.

use super::scene::{API_HOST, API_ID, Scene};

impl Scene {
    /// The lines to print once the gateway serves.
    pub(super) fn invitation(&self) -> Vec<String> {
        let (a, b) = (self.endpoint_a, self.endpoint_b);
        let file = |name: &str| self.path(name).display().to_string();
        let secure = format!("curl --cacert {}", file("gateway.crt"));
        let named = |name: &str| format!("--resolve {name}:{}:{}", a.secure.port(), a.secure.ip());
        let (dns_name, api_host) = (a.dns_name(), a.api_host());
        vec![
            "A private API behind two VPC endpoints, all of it on this machine:".into(),
            String::new(),
            format!(
                "  endpoint A  {}  https://{}  http://{}  the policy lets it in",
                a.id, a.secure, a.plain
            ),
            format!(
                "  endpoint B  {}  https://{}  http://{}  the policy shuts it out",
                b.id, b.secure, b.plain
            ),
            format!("  the API     {API_ID}, stage demo: API Gateway's PetStore example"),
            format!("  backend     http://{}  a pet store that keeps what is posted", self.pet_store()),
            format!("  admin       http://{}  /metrics /config /readyz", self.admin),
            format!("  files       {}  removed at the end", self.path("").display()),
            String::new(),
            "Allowed: through endpoint A, by the API's own name.".into(),
            format!("  curl -i -H 'Host: {API_HOST}' http://{}/demo/pets", a.plain),
            "Refused: through endpoint B. The resource policy denies every endpoint but A.".into(),
            format!("  curl -i -H 'Host: {API_HOST}' http://{}/demo/pets", b.plain),
            "Allowed: the API's name at endpoint A, over TLS, where no DNS knows it.".into(),
            format!("  {secure} {} https://{api_host}:{}/demo/pets", named(&api_host), a.secure.port()),
            "Allowed: endpoint A's own DNS name, and a header that names the API.".into(),
            format!(
                "  {secure} {} -H 'x-apigw-api-id: {API_ID}' https://{dns_name}:{}/demo/pets",
                named(&dns_name),
                a.secure.port()
            ),
            "A new pet, for the backend to keep:".into(),
            format!(
                "  curl -H 'Host: {API_HOST}' -H 'Content-Type: application/json' -d '{{\"type\":\"cat\",\"price\":123.11}}' \
                 http://{}/demo/pets",
                a.plain
            ),
            "A function, which this program runs as a process of its own:".into(),
            format!("  curl -H 'Host: {API_HOST}' 'http://{}/demo/hello?name=Ada'", a.plain),
            "Write endpoint B's id in place of A's, and the doors change places at once:".into(),
            format!("  sed -i s/{}/{}/ {}", a.id, b.id, file("policy.json")),
            String::new(),
            "Ctrl-C ends the demo. Every request is told below.".into(),
            String::new(),
        ]
    }
}
