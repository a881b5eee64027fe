//! DNS: a stock name server with SRV records of one second.

use wellspring_test_support::directory::Server;

use super::{BACK, blocking, client, lists, stays};

fn host(number: u8) -> String {
    format!(
        "srv-host=_http._tcp.orders.test,node{number}.test,80{number:02},0,5\naddress=/node{number}.test/127.0.0.{number}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn dns_is_asked_again_when_records_are_too_old() {
    let name = "dns_is_asked_again_when_records_are_too_old";
    let Some(mut server) = blocking(move || Server::names(name, &host(1))).await else { return };
    let client = client(&[
        ("wellspring.discovery.dns.services.orders", "_http._tcp.orders.test"),
        ("wellspring.discovery.dns.servers", &format!("127.0.0.1:{}", server.port())),
    ]);
    client.first_fetch().await.unwrap();
    lists(&client, &["127.0.0.1:8001"], BACK).await;
    let weight = client.discovery().instances("orders")[0].metadata().get("weight").cloned();
    assert_eq!(weight.as_deref(), Some("5"));

    // Away, nothing changes. What it says when it is back is found when the old answer's time is over.
    server.stop();
    stays(&client, &["127.0.0.1:8001"]).await;
    server.say(&(host(1) + &host(2)));
    let mut server = restarted(server).await;
    lists(&client, &["127.0.0.1:8001", "127.0.0.2:8002"], BACK).await;
    server.stop();
    server.say("");
    let server = restarted(server).await;
    lists(&client, &[], BACK).await;
    drop(server);
}

async fn restarted(mut server: Server) -> Server {
    blocking(move || {
        server.start();
        server
    })
    .await
}
