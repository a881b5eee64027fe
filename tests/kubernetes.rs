//! The manifests of Kubernetes: what they must hold, that the chart renders them, and that a real API server takes every object
//! and lets the gateway's own account see who is behind a service, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use wellspring_test_support::directory::{Server, TOKEN};
use wellspring_test_support::{Launch, http1, poll, tools};

const CHART: &str = "deploy/helm/wellspring";
const PLAIN: &str = "deploy/kubernetes/wellspring.yaml";
const SOON: Duration = Duration::from_secs(120);
/// A group's address: nobody can be connected to by it, so no packet goes there.
const NOWHERE: &str = "239.255.0.1";

fn objects(text: &str) -> Vec<Value> {
    let documents =
        serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap());
    documents.filter(|object| !object.is_null()).collect()
}

fn plain() -> Vec<Value> {
    objects(&fs::read_to_string(tools::root().join(PLAIN)).unwrap())
}

fn of_kind<'o>(objects: &'o [Value], kind: &str) -> Vec<&'o Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

fn workloads(objects: &[Value]) -> Vec<&Value> {
    [of_kind(objects, "Deployment"), of_kind(objects, "StatefulSet")].concat()
}

#[test]
fn every_pod_is_probed_drains_and_can_write_nothing_but_its_state() {
    let objects = plain();
    let workloads = workloads(&objects);
    assert_eq!(workloads.len(), 4, "registry, config server, bus, gateway");
    for workload in workloads {
        let (name, pod) = (&workload["metadata"]["name"], &workload["spec"]["template"]["spec"]);
        let container = &pod["containers"][0];
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let path = container[probe]["httpGet"]["path"].as_str().unwrap_or_default();
            assert!(path.starts_with("/actuator/health/"), "{name} {probe}");
        }
        let leaves: u64 =
            container["lifecycle"]["preStop"]["exec"]["command"][1].as_str().unwrap().parse().unwrap();
        assert!(
            pod["terminationGracePeriodSeconds"].as_u64().unwrap() > leaves + 30,
            "{name} is cut off while it drains"
        );
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        // `WELLSPRING_REGISTRY_PORT=tcp://…` would stand where a setting is looked for.
        assert_eq!(pod["enableServiceLinks"], false, "{name}");
        let limits = &container["securityContext"];
        assert_eq!(
            (&limits["readOnlyRootFilesystem"], &limits["allowPrivilegeEscalation"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(limits["capabilities"]["drop"], json!(["ALL"]), "{name}");
        assert!(container["resources"]["limits"]["memory"].is_string(), "{name} has no limit");
        // Of two, one stays while nodes are emptied; and its disruption budget means these very pods.
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        let budget = of_kind(&objects, "PodDisruptionBudget")
            .into_iter()
            .find(|budget| budget["metadata"]["name"] == *name);
        let budget = &budget.unwrap_or_else(|| panic!("{name} has no disruption budget"))["spec"];
        assert_eq!((&budget["maxUnavailable"], &budget["selector"]["matchLabels"]), (&json!(1), labels));
        // Everything that is mounted is there.
        let volumes: Vec<&Value> =
            pod["volumes"].as_array().unwrap().iter().map(|volume| &volume["name"]).collect();
        let claims = workload["spec"]["volumeClaimTemplates"].as_array();
        let claimed: Vec<&Value> =
            claims.into_iter().flatten().map(|claim| &claim["metadata"]["name"]).collect();
        for mount in container["volumeMounts"].as_array().unwrap() {
            assert!(
                volumes.contains(&&mount["name"]) || claimed.contains(&&mount["name"]),
                "{name}: {mount}"
            );
        }
        let config = &pod["volumes"][0]["configMap"]["name"];
        assert!(
            of_kind(&objects, "ConfigMap").iter().any(|map| map["metadata"]["name"] == *config),
            "{config}"
        );
    }
}

#[test]
fn peers_have_names_of_their_own_and_everybody_is_told_them() {
    let objects = plain();
    let set = of_kind(&objects, "StatefulSet")[0];
    let service = set["spec"]["serviceName"].as_str().unwrap();
    let services = of_kind(&objects, "Service");
    let headless = services.iter().find(|it| it["metadata"]["name"] == service).unwrap();
    assert_eq!(
        (&headless["spec"]["clusterIP"], &headless["spec"]["publishNotReadyAddresses"]),
        (&json!("None"), &json!(true))
    );
    let name = set["metadata"]["name"].as_str().unwrap();
    let urls: Vec<String> = (0..set["spec"]["replicas"].as_u64().unwrap())
        .map(|number| format!("http://{name}-{number}.{service}:8761/eureka/"))
        .collect();
    for map in of_kind(&objects, "ConfigMap") {
        let settings: Value = serde_yaml::from_str(map["data"]["application.yml"].as_str().unwrap()).unwrap();
        assert_eq!(settings["eureka.client.service-url.defaultZone"], urls.join(","));
    }
}

/// `WELLSPRING_WRITE=true` writes them anew after a change of the chart.
#[test]
fn the_chart_renders_the_plain_manifests_and_refuses_what_its_schema_does_not_know() {
    if !tools::present("the chart renders the plain manifests", &["helm"]) {
        return;
    }
    let rendered = template(&[]).unwrap();
    let lines = rendered.lines().filter(|line| !line.starts_with("# Source: "));
    let rendered = format!(
        "# Made of {CHART} by tests/kubernetes.rs; change the chart.\n{}\n",
        lines.collect::<Vec<_>>().join("\n")
    );
    if std::env::var_os("WELLSPRING_WRITE").is_some() {
        fs::write(tools::root().join(PLAIN), &rendered).unwrap();
    }
    let kept = fs::read_to_string(tools::root().join(PLAIN)).unwrap_or_default();
    assert!(kept == rendered, "{PLAIN} is not what the chart renders: WELLSPRING_WRITE=true writes it");

    let own = template(&[
        "secret=mine",
        "gateway.autoscaling.enabled=false",
        "gateway.replicas=3",
        "gateway.discovery.namespaces={a,b}",
        "registry.replicas=3",
    ]);
    let own = objects(&own.unwrap());
    let gateway =
        workloads(&own).into_iter().find(|it| it["metadata"]["name"] == "wellspring-gateway").unwrap();
    assert_eq!(gateway["spec"]["replicas"], 3);
    assert!(of_kind(&own, "HorizontalPodAutoscaler").is_empty());
    let roles: Vec<&Value> =
        of_kind(&own, "Role").iter().map(|role| &role["metadata"]["namespace"]).collect();
    assert_eq!(roles, ["a", "b"]);
    for workload in workloads(&own) {
        let volumes = workload["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
        assert!(volumes.iter().any(|volume| volume["secret"]["secretName"] == "mine"));
    }
    for wrong in [
        "scheduling.nodeName=a",
        "registry.replica=3",
        "gateway.service.type=External",
        "registry.replicas=0",
        "drainSeconds=soon",
        "image.prefix=",
    ] {
        let complaint = template(&[wrong]).expect_err(wrong);
        assert!(complaint.contains("schema") || complaint.contains("validation"), "{wrong}: {complaint}");
    }
}

#[test]
fn the_chart_opens_the_console_and_closes_ports_when_it_is_asked_to() {
    if !tools::present("the chart opens the console and closes ports", &["helm"]) {
        return;
    }
    let open = template(&[
        "secret=mine",
        "admin.enabled=true",
        "networkPolicy.enabled=true",
        "networkPolicy.namespaces={shop,monitoring}",
        "serviceMonitor.enabled=true",
        "serviceMonitor.labels.release=prometheus",
        "scheduling.priorityClassName=high",
    ]);
    let open = objects(&open.unwrap());
    for workload in workloads(&open) {
        let pod = &workload["spec"]["template"]["spec"];
        assert_eq!(
            (&pod["priorityClassName"], &pod["containers"][0]["ports"][1]["containerPort"]),
            (&json!("high"), &json!(9770))
        );
    }
    for policy in of_kind(&open, "NetworkPolicy") {
        let (rules, name) = (&policy["spec"]["ingress"], &policy["metadata"]["name"]);
        let sources = rules[0]["from"].as_array().map_or(0, Vec::len);
        assert_eq!(sources, if *name == "wellspring-gateway" { 0 } else { 3 }, "{name}: {rules}");
        assert!(
            rules[1]["from"][0]["podSelector"]["matchLabels"].is_object(),
            "{name}: the console is for everybody"
        );
    }
    assert_eq!(of_kind(&open, "NetworkPolicy").len(), 4);
    let monitor = of_kind(&open, "ServiceMonitor")[0];
    let selected = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
    for service in of_kind(&open, "Service") {
        assert!(
            selected.iter().all(|(name, value)| service["metadata"]["labels"][name] == *value),
            "{service}"
        );
    }
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    let complaint = template(&["admin.enabled=true"]).unwrap_err();
    assert!(complaint.contains("wellspring.admin.token"), "a console without a token: {complaint}");
}

fn template(values: &[&str]) -> Result<String, String> {
    let mut helm = Command::new("helm");
    helm.args(["template", "wellspring", CHART, "--namespace", "default", "--kube-version", "1.31.0"]);
    helm.args(values.iter().flat_map(|value| ["--set", value])).current_dir(tools::root());
    let output = helm.output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// What the API server answers: the status, and the object or the complaint.
fn ask(server: &Server, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("https://127.0.0.1:{}{path}", server.port());
    let mut curl = Command::new("curl");
    curl.args([
        "-s",
        "-X",
        method,
        &url,
        "-w",
        "\n%{http_code}",
        "--data-binary",
        "@-",
        "-H",
        "Content-Type: application/json",
    ]);
    curl.args(["-H", &format!("Authorization: Bearer {token}")]).arg("--cacert").arg(server.authority());
    let mut child = curl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.to_string().as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let (answer, status) = said.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), serde_json::from_str(answer).unwrap_or_default())
}

fn collection(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap().to_lowercase();
    let version = object["apiVersion"].as_str().unwrap();
    let root = if version.contains('/') { "/apis" } else { "/api" };
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
    let kind =
        if kind.ends_with('y') { format!("{}ies", kind.trim_end_matches('y')) } else { format!("{kind}s") };
    format!("{root}/{version}/namespaces/{namespace}/{kind}")
}

#[test]
fn a_real_api_server_takes_every_object_and_the_gateways_account_sees_endpoints_alone() {
    let name = "a_real_api_server_takes_every_object_and_the_gateways_account_sees_endpoints_alone";
    let Some(server) = Server::kubernetes(name) else { return };
    poll::until("the API server takes objects", SOON, || {
        ask(&server, TOKEN, "GET", "/api/v1/namespaces/default", &Value::Null).0 == 200
    });
    let objects = plain();
    for object in &objects {
        let path = format!("{}?fieldValidation=Strict", collection(object));
        let (status, answer) = ask(&server, TOKEN, "POST", &path, object);
        assert_eq!(status, 201, "{} {}: {}", object["kind"], object["metadata"]["name"], answer["message"]);
    }
    // What only stands there when it is asked for; a ServiceMonitor is no object that a bare API server knows.
    if tools::present("network policies and the console's ports on a real API server", &["helm"]) {
        let values = [
            "secret=mine",
            "admin.enabled=true",
            "networkPolicy.enabled=true",
            "networkPolicy.namespaces={shop}",
        ];
        for object in self::objects(&template(&values).unwrap()) {
            let path = format!("{}?fieldValidation=Strict&dryRun=All", collection(&object));
            let (status, answer) = ask(&server, TOKEN, "POST", &path, &object);
            // Those of the same name are there already.
            assert!(
                [201, 409].contains(&status),
                "{} {}: {answer}",
                object["kind"],
                object["metadata"]["name"]
            );
        }
    }
    println!("\nreport: {} objects taken by the API server, strictly", objects.len());

    let wanted = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
    let account = "/api/v1/namespaces/default/serviceaccounts/wellspring-gateway";
    let (status, given) = ask(&server, TOKEN, "POST", &format!("{account}/token"), &wanted);
    assert_eq!(status, 201, "{given}");
    let token = given["status"]["token"].as_str().unwrap();
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    let may = |method, path: &str| ask(&server, token, method, path, &Value::Null).0;
    assert_eq!(may("GET", slices), 200);
    for (method, path) in [
        ("POST", slices),
        ("GET", "/api/v1/namespaces/default/secrets"),
        ("GET", "/api/v1/namespaces/kube-system/endpoints"),
    ] {
        assert_eq!(may(method, path), 403, "{method} {path}");
    }

    // The gateway with the settings of its ConfigMap and the token of its account routes to whom the slices name.
    let map = of_kind(&objects, "ConfigMap")
        .into_iter()
        .find(|map| map["metadata"]["name"] == "wellspring-gateway")
        .unwrap();
    let gateway = Launch::new("wellspring-gateway")
        .yaml(map["data"]["application.yml"].as_str().unwrap())
        .arg("--eureka.client.enabled=false")
        .arg("--logging.structured.format.console=")
        .arg(format!("--spring.cloud.kubernetes.client.master-url=https://127.0.0.1:{}", server.port()))
        .arg(format!("--spring.cloud.kubernetes.client.ca-cert-file={}", server.authority().display()))
        .arg("--spring.cloud.kubernetes.client.namespace=default")
        .var("SPRING_CLOUD_KUBERNETES_CLIENT_OAUTHTOKEN", token)
        .start();
    assert_eq!(http1::get(gateway.port(), "/orders/7").unwrap().status, 503, "nobody is there");
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": { "name": "orders-1", "labels": { "kubernetes.io/service-name": "orders" } },
        "ports": [{ "name": "http", "port": 8080 }],
        "endpoints": [{ "addresses": [NOWHERE], "conditions": { "ready": true } }],
    });
    let (status, answer) = ask(&server, TOKEN, "POST", slices, &slice);
    assert_eq!(status, 201, "{answer}");
    let tried = poll::within(SOON, || {
        http1::get(gateway.port(), "/orders/7").is_ok_and(|reply| reply.status >= 500)
            && gateway.log().contains(&format!("{NOWHERE}:8080"))
    });
    assert!(tried, "the endpoint is not tried: {}", gateway.log());
}
