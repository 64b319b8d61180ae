//! The scene of the demo: addresses, certificates, a configuration, a pet store.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use postern_model::{Listener, VpcEndpoint};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::pet_store::PetStore;
use crate::{
    assemble::Source,
    load::{Loaded, load},
};

/// The API's id.
pub(super) const API_ID: &str = "a1b2c3d4e5";
/// The API's host name (H1 of private-access.md).
pub(super) const API_HOST: &str = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com";
/// The endpoint that the policy lets in.
pub(super) const ENDPOINT_A: &str = "vpce-01234567abcdef012";
/// The endpoint that it shuts out.
pub(super) const ENDPOINT_B: &str = "vpce-0fedcba9876543210";

const DEFINITION: &str = include_str!("../../../../../config/apis/petstore.json");
const POLICY: &str = include_str!("../../../../../config/policies/source-vpce.json");

/// Which ports are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ports {
    /// Those that people expect, where they are free.
    Usual,
    /// Any free ones, so that demos do not get in each other's way.
    Any,
}

/// Everything of the demo but the gateway itself. Its files are removed when it is dropped.
pub(super) struct Scene {
    folder: TempDir,
    /// The endpoint that the policy lets in.
    pub(super) endpoint_a: Door,
    /// The endpoint that it shuts out.
    pub(super) endpoint_b: Door,
    pub(super) admin: SocketAddr,
    pet_store: PetStore,
    /// PEM: what clients trust.
    pub(super) certificate: String,
}

/// Where an endpoint listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Door {
    pub(super) id: &'static str,
    pub(super) secure: SocketAddr,
    pub(super) plain: SocketAddr,
}

impl Door {
    /// The endpoint's own DNS name (H3).
    pub(super) fn dns_name(&self) -> String {
        format!("{}.execute-api.us-east-1.vpce.amazonaws.com", self.id)
    }

    /// The name of the API at this endpoint (H2).
    pub(super) fn api_host(&self) -> String {
        format!("{API_ID}-{}.execute-api.us-east-1.amazonaws.com", self.id)
    }

    fn open(id: &'static str, last_byte: u8, ports: Ports) -> io::Result<Self> {
        let own = IpAddr::from(Ipv4Addr::new(127, 0, 0, last_byte));
        // Where loopback is one address alone, ports tell the endpoints apart.
        let ip = if TcpListener::bind((own, 0)).is_ok() { own } else { IpAddr::from(Ipv4Addr::LOCALHOST) };
        Ok(Self { id, secure: free(ip, 8_443, ports)?, plain: free(ip, 8_080, ports)? })
    }
}

/// A free port at an address.
fn free(ip: IpAddr, usual: u16, ports: Ports) -> io::Result<SocketAddr> {
    let usual = (ports == Ports::Usual).then(|| TcpListener::bind((ip, usual)).ok()).flatten();
    usual.map_or_else(|| TcpListener::bind((ip, 0)), Ok)?.local_addr()
}

impl Scene {
    /// Sets the scene.
    ///
    /// # Errors
    ///
    /// What the machine does not give.
    pub(super) fn set(ports: Ports) -> io::Result<Self> {
        let folder = private_folder()?;
        let (certificate, private_key) = certificate().map_err(io::Error::other)?;
        let scene = Self {
            folder,
            endpoint_a: Door::open(ENDPOINT_A, 11, ports)?,
            endpoint_b: Door::open(ENDPOINT_B, 12, ports)?,
            admin: free(Ipv4Addr::LOCALHOST.into(), 9_901, ports)?,
            pet_store: PetStore::open()?,
            certificate,
        };
        scene.write("gateway.crt", &scene.certificate)?;
        scene.write("gateway.key", &private_key)?;
        scene.write("petstore.json", &definition().map_err(io::Error::other)?)?;
        scene.write("policy.json", POLICY)?;
        scene.write("postern.yaml", &scene.configuration(ports))?;
        Ok(scene)
    }

    fn configuration(&self, ports: Ports) -> String {
        let endpoint = |door: &Door| {
            format!(
                "  - vpcEndpointId: {}\n    vpcId: vpc-0aaaabbbbccccdddd\n    listeners: [{{address: {}}}]\n    \
                 tls: [{{certificateFile: gateway.crt, privateKeyFile: gateway.key}}]\n",
                door.id, door.secure
            )
        };
        let (a, b) = (endpoint(&self.endpoint_a), endpoint(&self.endpoint_b));
        let (pet_store, admin) = (self.pet_store.address(), self.admin);
        // JSON is YAML too: a path may hold any character.
        let program = std::env::current_exe().unwrap_or_else(|_| "postern".into());
        let program = serde_json::Value::from(program.to_string_lossy()).to_string();
        let access_log = match ports {
            Ports::Usual => ACCESS_LOG,
            Ports::Any => "",
        };
        format!(
            "region: us-east-1\naccountId: \"123456789012\"\n\nvpcEndpoints:\n{a}{b}\nrestApis:\n  - id: {API_ID}\n    \
             definition: petstore.json\n    endpointConfiguration: {{types: [PRIVATE], vpcEndpointIds: [{ENDPOINT_A}]}}\n    \
             policyFile: policy.json\n    stages: [{{stageName: demo}}]\n\nfunctions:\n  - functionName: hello\n    \
             process: {{command: [{program}, demo-function]}}\nhosts: \
             {{\"petstore-demo-endpoint.execute-api.com:80\": \"{pet_store}\"}}\nadmin: {{address: \"{admin}\"}}\n{access_log}\
             workers: 1\nlimits: {{drainWaitSeconds: 0}}\n"
        )
    }

    /// Where the gateway's configuration comes from.
    pub(super) fn source(&self) -> Source {
        let path = self.path("postern.yaml").to_string_lossy().into_owned();
        let (a, b) = (self.endpoint_a, self.endpoint_b);
        let load = move |path: &str| {
            let mut loaded = load(path);
            add_plain_listeners(&mut loaded, &[a, b]);
            loaded
        };
        Source { path, load: Box::new(load), program: None }
    }

    /// A file of the demo.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The address of the pet store.
    pub(super) fn pet_store(&self) -> SocketAddr {
        self.pet_store.address()
    }

    /// Writes a file that only its owner may read, whole or not at all: nobody reads half of it.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let (path, draft) = (self.path(name), self.path(&format!("{name}.draft")));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&draft, &path)
    }

    /// The resource policy that lets one endpoint in.
    pub(super) fn policy_for(endpoint: &str) -> String {
        POLICY.replace(ENDPOINT_A, endpoint)
    }
}

/// The PetStore example as API Gateway exported it, and a path that a function answers.
fn definition() -> serde_json::Result<String> {
    let mut definition: serde_json::Value = serde_json::from_str(DEFINITION)?;
    if let Some(paths) = definition.get_mut("paths").and_then(serde_json::Value::as_object_mut) {
        paths.insert("/hello".to_owned(), serde_json::json!({"get": {
            "responses": {"200": {"description": "a greeting"}},
            "x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": FUNCTION_URI},
        }}));
    }
    serde_json::to_string_pretty(&definition)
}

const FUNCTION_URI: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
                            arn:aws:lambda:us-east-1:123456789012:function:hello/invocations";

const ACCESS_LOG: &str = "accessLog: {destination: stdout, format: '$context.requestId $context.identity.vpceId \
                          $context.httpMethod $context.path $context.status $context.error.message'}\n";

/// A folder for its owner alone, where there is a place for one.
fn private_folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("postern-demo-").permissions(fs::Permissions::from_mode(0o700));
    builder.tempdir().or_else(|fault| builder.tempdir_in(Path::new("/dev/shm")).map_err(|_| fault))
}

/// A certificate for every name of the API and the endpoints, and its key, both PEM.
fn certificate() -> Result<(String, String), rcgen::Error> {
    let names = ["*.execute-api.us-east-1.amazonaws.com", "*.execute-api.us-east-1.vpce.amazonaws.com"];
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names.map(str::to_owned))?.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Has both endpoints speak plain text as well, at addresses of their own: so that a walk shows both,
/// and `curl` needs no certificate. In a configuration file an endpoint does one or the other.
fn add_plain_listeners(loaded: &mut Loaded, doors: &[Door]) {
    let Some(configuration) = &mut loaded.outcome.configuration else { return };
    let plain = |endpoint: &VpcEndpoint| {
        let door = doors.iter().find(|door| door.id == endpoint.vpc_endpoint_id.as_str())?;
        let listeners = vec![Listener { address: door.plain }];
        Some(VpcEndpoint { listeners, tls: Vec::new(), http2: false, ..endpoint.clone() })
    };
    let twins: Vec<VpcEndpoint> = configuration.vpc_endpoints.iter().filter_map(plain).collect();
    configuration.vpc_endpoints.extend(twins);
}
