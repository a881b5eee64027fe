//! What one environment costs over a kept-alive connection, from repositories of 10 and of 1,000 files.
//!
//! Guards: the size of the repository does not matter, and a request neither parses nor asks the remote.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a bench may panic")]

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use wellspring_daemon::app::Options;
use wellspring_test_support::Repository;

fn repository(files: usize) -> Repository {
    let mut repository = Repository::new().unwrap();
    repository.write("application.yml", "shared:\n  owner: platform\n  level: 1\n").unwrap();
    for number in 1..files {
        let text = format!(
            "app:\n  name: app-{number}\n  list: [a, b, c]\n  url: http://${{host:localhost}}/{number}\n"
        );
        repository.write(&format!("app-{number}.yml"), text).unwrap();
    }
    repository.commit("files").unwrap();
    repository
}

fn environment(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    for files in [10, 1000] {
        let repository = repository(files);
        for (kind, uri) in
            [("mirror", repository.path().display().to_string()), ("in place", repository.uri())]
        {
            let options = Options::local()
                .with("spring.cloud.bus.enabled", false)
                .with("spring.cloud.config.server.git.uri", uri)
                .with("spring.cloud.config.server.git.refresh-rate", 30);
            let running = runtime.block_on(wellspring_config_server::app().start(options)).unwrap();
            let client = wellspring_lb_client::http::client(Default::default()).unwrap();
            let url = format!("http://{}/app-3/default", running.local_addr());
            criterion.bench_function(&format!("environment of {files} files, {kind}"), |bencher| {
                bencher.iter(|| {
                    runtime.block_on(async {
                        let response = client.get(&url).send().await.unwrap();
                        assert_eq!(response.status(), 200);
                        response.bytes().await.unwrap()
                    })
                });
            });
            runtime.block_on(running.stop());
        }
    }
}

criterion_group!(benches, environment);
criterion_main!(benches);
