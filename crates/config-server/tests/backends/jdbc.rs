//! PostgreSQL and MariaDB.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use wellspring_test_support::database::Database;
use wellspring_test_support::{Fault, FaultProxy, long, poll};

use crate::support::Server;
use crate::{SHOWN, has_no_files, health, names};

const ROWS: &str = "
    INSERT INTO PROPERTIES (APPLICATION, PROFILE, LABEL, \"KEY\", \"VALUE\") VALUES
    ('application','default','master','shared','default'), ('application',NULL,'master','shared','app'),
    ('application',NULL,'master','only','app'), ('orders','default','master','a.b','default'),
    ('orders','dev','master','a.b','dev'), ('orders','dev','master','n',NULL), ('orders','prod','master','a.b','prod'),
    ('orders',NULL,'master','a.b','none'), ('orders',NULL,'master','c','{cipher}zz'), ('orders',NULL,'master','zz','größe'),
    ('orders',NULL,'master','list[1]','2'), ('orders',NULL,'master','list[0]','1'), ('orders',NULL,'v2','a.b','v2'),
    ('application-x',NULL,'master','q','1')";

fn table(quote: char) -> String {
    let columns = "APPLICATION VARCHAR(99), PROFILE VARCHAR(99), LABEL VARCHAR(99), \"KEY\" VARCHAR(99), \"VALUE\" TEXT";
    let id = if quote == '"' { "SERIAL" } else { "INT PRIMARY KEY AUTO_INCREMENT" };
    format!("CREATE TABLE PROPERTIES (ID {id}, {columns}); {ROWS}").replace('"', &quote.to_string())
}

async fn server(url: &str, more: &[(&str, &str)]) -> Server {
    let mut all = vec![
        ("spring.profiles.active", "jdbc"),
        ("spring.datasource.url", url),
        ("spring.datasource.username", "cfg"),
        ("spring.datasource.password", "secret"),
        SHOWN,
    ];
    all.extend(more);
    Server::start(&all).await
}

fn postgres(port: u16) -> String {
    format!("jdbc:postgresql://127.0.0.1:{port}/postgres")
}

/// What both databases answer with the same rows.
async fn answers(server: &Server) {
    let own = json!({"a.b": "none", "zz": "größe", "list[1]": "2", "list[0]": "1", "invalid.c": "<n/a>"});
    let shared = json!({"shared": "app", "only": "app"});
    assert_eq!(
        server.json("/orders/dev").await,
        json!({"name": "orders", "profiles": ["dev"], "label": null, "version": null, "state": null, "propertySources": [
            {"name": "orders-dev", "source": {"a.b": "dev", "n": null}},
            {"name": "orders", "source": own}, {"name": "application", "source": shared},
        ]})
    );
    for (path, expected) in [
        ("/orders/default", &["orders-default", "application-default", "orders", "application"][..]),
        ("/orders/dev,prod", &["orders-prod", "orders-dev", "orders", "application"]),
        ("/orders/dev,dev,prod", &["orders-prod", "orders-dev", "orders", "application"]),
        ("/orders/%20", &["orders-default", "application-default", "orders", "application"]),
        ("/orders/dev/v2", &["orders"]),
        ("/orders/dev/v2,master", &["orders-dev", "orders", "application", "orders"]),
        ("/nope/default", &["application-default", "application"]),
        ("/application/default", &["application-default", "application"]),
        // What begins like `application` does not get the shared part as well.
        ("/application-x/default", &["application-x"]),
        ("/x'%20or%20'1'='1/default", &["application-default", "application"]),
    ] {
        assert_eq!(names(&server.json(path).await), expected, "{path}");
    }
    assert_eq!(
        server.get("/orders-dev.yml").await.text(),
        "shared: app\nonly: app\na:\n  b: dev\nzz: größe\ninvalid:\n  c: <n/a>\nn: null\nlist:\n- '1'\n- '2'\n"
    );
    assert_eq!(
        server.get("/orders-dev.json").await.json(),
        json!({"shared": "app", "only": "app", "a": {"b": "dev"}, "zz": "größe", "invalid": {"c": "<n/a>"}, "n": null, "list": ["1", "2"]})
    );
    has_no_files(server).await;
    let (status, component) = health(server, "configServer").await;
    let sources = &component["details"]["repositories"][0]["sources"];
    assert_eq!((status.as_str(), sources), ("UP", &json!(["application-default", "application"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_in_postgresql_are_sources() {
    let Some(database) = Database::postgres("rows_in_postgresql_are_sources") else { return };
    database.run(&table('"'));
    database.run(
        "CREATE SCHEMA conf; CREATE TABLE conf.t (app TEXT, prof TEXT, lab TEXT, k TEXT, i INT, j JSONB, b BOOLEAN, n NUMERIC(9,2), d TIMESTAMP);
         INSERT INTO conf.t VALUES ('orders','default','master','k',42,'{\"a\": 1}',true,1.50,'2024-01-02 03:04:05')",
    );
    let url = postgres(database.port());
    let plain = server(&url, &[]).await;
    answers(&plain).await;
    let (status, component) = health(&plain, "db").await;
    assert_eq!(
        (status.as_str(), &component["details"]),
        ("UP", &json!({"database": "PostgreSQL", "validationQuery": "isValid()"}))
    );

    // Own statements; with only one of them, profile `default` always counts and there is no part without profile.
    for (column, expected) in
        [("i", "42"), ("j", "{\"a\": 1}"), ("b", "t"), ("n", "1.50"), ("d", "2024-01-02 03:04:05")]
    {
        let sql = format!("SELECT k, {column} FROM t -- ?\n WHERE app=? AND prof=? AND lab=? AND k <> '?';");
        let url = format!("{url}?currentSchema=conf");
        let own = server(&url, &[("spring.cloud.config.server.jdbc.sql", &sql)]).await;
        let found = own.json("/orders/dev").await;
        assert_eq!(found["propertySources"], json!([{"name": "orders-default", "source": {"k": expected}}]));
    }
    let label = server(&url, &[("spring.cloud.config.server.jdbc.default-label", "v2")]).await;
    assert_eq!(names(&label.json("/orders/dev").await), ["orders"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_in_mariadb_are_sources_by_both_drivers_urls() {
    let Some(database) = Database::mariadb("rows_in_mariadb_are_sources_by_both_drivers_urls") else {
        return;
    };
    database.run(&table('`'));
    database.run("CREATE TABLE t (k TEXT, i INT, b BIT(4), n DECIMAL(9,2), d DATETIME, x DATE, f DOUBLE, u BIGINT UNSIGNED);
        INSERT INTO t VALUES ('k', -42, 5, 1.50, '2024-01-02 03:04:05', '2024-01-02', 1.5, 18446744073709551615)");
    let port = database.port();
    let url = format!("jdbc:mariadb://127.0.0.1:{port}/cfg?sessionVariables=sql_mode=ANSI_QUOTES");
    let maria = server(&url, &[]).await;
    answers(&maria).await;
    assert_eq!(health(&maria, "db").await.0, "UP");
    // MySQL's driver prefers TLS; this server has none to offer.
    let url = format!("jdbc:mysql://127.0.0.1:{port}/cfg?useSSL=true&serverTimezone=UTC");
    let with = "SELECT `KEY`, `VALUE` FROM PROPERTIES WHERE APPLICATION=? AND PROFILE=? AND LABEL=?";
    let without = "SELECT `KEY`, `VALUE` FROM PROPERTIES WHERE APPLICATION=? AND PROFILE IS NULL AND LABEL=?";
    let (sql, sql_without) =
        ("spring.cloud.config.server.jdbc.sql", "spring.cloud.config.server.jdbc.sql-without-profile");
    answers(&server(&url, &[(sql, with), (sql_without, without)]).await).await;
    for (column, expected) in [
        ("i", "-42"),
        ("b", "5"),
        ("n", "1.50"),
        ("d", "2024-01-02 03:04:05"),
        ("x", "2024-01-02"),
        ("f", "1.5"),
        ("u", "18446744073709551615"),
    ] {
        let all = format!("SELECT k, {column} FROM t WHERE ? IS NOT NULL AND ?<>'' AND ?='master'");
        let typed = server(&url, &[(sql, &all)]).await;
        assert_eq!(typed.value("/orders/default", "k").await, expected, "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_and_comes_is_told_and_used_again() {
    let Some(mut database) = Database::postgres("a_database_that_goes_and_comes_is_told_and_used_again")
    else {
        return;
    };
    database.run(&table('"'));
    let proxy = FaultProxy::start(([127, 0, 0, 1], database.port()).into());
    // Long enough for a busy machine where somebody answers, short where nobody does.
    let quick = ("spring.datasource.hikari.connection-timeout", "20000");
    let hasty = ("spring.datasource.hikari.connection-timeout", "4000");
    let brief = ("spring.jdbc.template.query-timeout", "4s");
    let direct = postgres(database.port());
    let strict = server(&direct, &[quick, ("spring.datasource.hikari.maximum-pool-size", "2")]).await;
    let lenient = server(&direct, &[quick, ("spring.cloud.config.server.jdbc.fail-on-error", "false")]).await;
    let through = server(&postgres(proxy.port()), &[hasty, brief]).await;
    for server in [&strict, &lenient, &through] {
        assert_eq!(server.value("/orders/dev", "a.b").await, "dev");
    }

    // Silent: every request ends in its time, whether its connection was kept or has to be made.
    proxy.set(Fault::BlackHole);
    let began = Instant::now();
    let asked: Vec<_> = (0..8).map(|_| through.get("/orders/dev")).collect();
    for reply in futures_util::future::join_all(asked).await {
        assert_eq!(reply.status, 500);
    }
    let took = began.elapsed();
    assert!(!long::wanted() || took < Duration::from_secs(25), "{took:?}");
    proxy.set(Fault::None);
    let back = async || (through.get("/orders/dev").await.status == 200).then_some(());
    poll::until_some("the database is asked again", Duration::from_secs(90), back).await;

    // Away: 500, or nothing where errors do not count.
    database.crash();
    // Sessions of PostgreSQL live until they notice.
    let away = async || (strict.get("/orders/dev").await.status == 500).then_some(());
    poll::until_some("the database is away", Duration::from_secs(90), away).await;
    let (status, component) = health(&strict, "db").await;
    assert!(status == "DOWN" && !component.to_string().contains("secret"), "{component}");
    assert_eq!(lenient.json("/orders/dev").await["propertySources"], json!([]));
    database.restart();
    let back = async || {
        let found = lenient.json("/orders/dev").await;
        (strict.get("/orders/dev").await.status == 200 && found["propertySources"] != json!([]))
            .then_some(found)
    };
    let found: Value = poll::until_some("both serve again", Duration::from_secs(90), back).await;
    assert_eq!(names(&found), ["orders-dev", "orders", "application"]);

    // A statement that is wrong is the request's failure, and the connection lives on.
    database.run("ALTER TABLE PROPERTIES RENAME TO gone");
    assert_eq!(strict.get("/orders/dev").await.status, 500);
    database.run("ALTER TABLE gone RENAME TO PROPERTIES");
    assert_eq!(strict.get("/orders/dev").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_database_that_cannot_be_used_stop_the_start() {
    for (settings, said) in [
        (&[("spring.datasource.username", "x")][..], "spring.datasource.url is missing"),
        (&[("spring.datasource.url", "jdbc:h2:mem:x")], "none of postgresql, mysql and mariadb"),
        (
            &[
                ("spring.datasource.url", "jdbc:postgresql://x/y?password=hunter2"),
                ("spring.cloud.config.server.jdbc.sql", "SELECT k, v FROM t WHERE a=? AND b='?'"),
            ],
            "has 1 `?`, but 3",
        ),
    ] {
        let all: Vec<_> = settings.iter().copied().chain([("spring.profiles.active", "jdbc")]).collect();
        let error = Server::try_start(&all).await.err().unwrap();
        assert!(error.contains("WS-1431") && error.contains(said) && !error.contains("hunter2"), "{error}");
    }
}
