//! ZooKeeper: nodes as Spring Cloud ZooKeeper makes them, made by ZooKeeper's own client; it is killed like a service that crashes.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use wellspring_test_support::directory::Server;
use wellspring_test_support::{poll, process::Guard};

use super::{BACK, at_once, blocking, client, lists, stays};

/// A session of ZooKeeper's command line client, which owns what it creates.
struct Owner {
    guard: Guard,
    input: ChildStdin,
    said: PathBuf,
}

impl Owner {
    /// `session`: how many milliseconds it outlives its owner.
    fn start(server: &Server, name: &str, session: u32) -> Self {
        let said = server.folder().join(format!("{name}.log"));
        let mut command = std::process::Command::new("sh");
        // The program reads its words from a pipe; a file in between keeps its standard input open.
        let fifo = server.folder().join(format!("{name}.in"));
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let script = format!(
            "exec /usr/share/zookeeper/bin/zkCli.sh -timeout {session} -server 127.0.0.1:{} < {}",
            server.port(),
            fifo.display()
        );
        let sink = File::create(&said).unwrap();
        command.arg("-c").arg(script).env("CLIENT_JVMFLAGS", "-Xmx64m -XX:TieredStopAtLevel=1");
        command.stdin(Stdio::null()).stdout(sink.try_clone().unwrap()).stderr(sink);
        let guard = Guard::spawn(&mut command).unwrap();
        let mut writer = Command::new("sh");
        writer.arg("-c").arg(format!("exec cat > {}", fifo.display())).stdin(Stdio::piped());
        let input = writer.spawn().unwrap().stdin.take().unwrap();
        Self { guard, input, said }
    }

    /// Makes a node, and waits until it is there. Words that reach the program while it has no connection are lost, so they are
    /// said again; a node that is there already was made the time before.
    fn create(&mut self, path: &str, words: &str) {
        let answers = [format!("Created {path}"), format!("Node already exists: {path}")];
        for _ in 0..9 {
            writeln!(self.input, "create {words}").unwrap();
            let said = || fs::read_to_string(&self.said).unwrap_or_default();
            if poll::within(Duration::from_secs(20), || {
                said().lines().any(|line| answers.iter().any(|answer| line.trim_end().ends_with(answer)))
            }) {
                return;
            }
        }
        panic!("{path} was not made: {}", fs::read_to_string(&self.said).unwrap_or_default());
    }

    fn register(&mut self, id: &str, port: u16) {
        let node = json!({
            "name": "orders", "id": id, "address": "127.0.0.1", "port": port, "sslPort": null,
            "payload": {
                "@class": "org.springframework.cloud.zookeeper.discovery.ZookeeperInstance",
                "id": "orders", "name": "orders", "metadata": {"instance_status": "UP", "zone": "a"},
            },
            "registrationTimeUTC": 1, "serviceType": "DYNAMIC", "uriSpec": null,
        });
        let path = format!("/services/orders/{id}");
        self.create(&path, &format!("-e {path} {node}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn zookeeper_tells_of_nodes_at_once_and_of_sessions_that_ended() {
    let name = "zookeeper_tells_of_nodes_at_once_and_of_sessions_that_ended";
    let Some(mut server) = blocking(move || Server::zookeeper(name)).await else { return };
    let address = format!("127.0.0.1:{}", server.port());
    let client = client(&[("spring.cloud.zookeeper.connect-string", &address)]);
    client.first_fetch().await.unwrap();

    let (mut stays_on, mut crashes) =
        (Owner::start(&server, "one", 10_000), Owner::start(&server, "two", 5_000));
    stays_on.create("/services", "/services");
    stays_on.create("/services/orders", "/services/orders");
    stays_on.register("o-1", 8001);
    lists(&client, &["127.0.0.1:8001"], at_once()).await;
    crashes.register("o-2", 8002);
    lists(&client, &["127.0.0.1:8001", "127.0.0.1:8002"], at_once()).await;
    assert_eq!(client.discovery().instances("orders")[0].zone(), Some("a"));
    stays(&client, &["127.0.0.1:8001", "127.0.0.1:8002"]).await;

    // Its session lives five seconds longer than itself.
    crashes.guard.kill();
    lists(&client, &["127.0.0.1:8001"], BACK).await;

    server.kill();
    stays(&client, &["127.0.0.1:8001"]).await;
    let server = blocking(move || {
        server.start();
        server
    })
    .await;
    // The owner's session goes on with the server that is back, or begins anew: in the end the new node is there.
    let mut late = Owner::start(&server, "three", 10_000);
    late.register("o-3", 8003);
    poll::until_some("the new node is found", BACK, async || {
        super::orders(&client).contains(&"127.0.0.1:8003".to_owned()).then_some(())
    })
    .await;
    drop((stays_on, late));
}
