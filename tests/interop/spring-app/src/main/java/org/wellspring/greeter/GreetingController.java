package org.wellspring.greeter;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.cloud.client.ServiceInstance;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.cloud.context.config.annotation.RefreshScope;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

@RestController
@RefreshScope
public class GreetingController {

    /** Outlives a refresh, which makes this object anew. */
    private static final AtomicBoolean ILL = new AtomicBoolean();

    private final String greeting;
    private final RestClient client;
    private final DiscoveryClient discovery;

    GreetingController(@Value("${greeting}") String greeting, RestClient.Builder balanced, DiscoveryClient discovery) {
        this.greeting = greeting;
        this.client = balanced.build();
        this.discovery = discovery;
    }

    /** The configured value, and what a gateway in front tells about the request. */
    @GetMapping("/greeting/{name}")
    Map<String, Object> greet(@PathVariable String name,
            @RequestHeader(name = "X-Forwarded-Prefix", required = false) String prefix,
            @RequestHeader(name = "X-Forwarded-Host", required = false) String host) {
        if (ILL.get()) {
            throw new IllegalStateException("not well today");
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("text", greeting + ", " + name);
        answer.put("forwardedPrefix", prefix);
        answer.put("forwardedHost", host);
        return answer;
    }

    /** Makes greetings fail, or heals them. */
    @PutMapping("/ill/{ill}")
    void ill(@PathVariable boolean ill) {
        ILL.set(ill);
    }

    /** Calls another service by its name and hands its answer through. */
    @GetMapping("/relay/{service}")
    ResponseEntity<String> relay(@PathVariable String service, @RequestParam String path) {
        return client.get().uri("http://" + service + path).exchange((request, response) ->
                ResponseEntity.status(HttpStatusCode.valueOf(response.getStatusCode().value()))
                        .body(new String(response.getBody().readAllBytes())));
    }

    @GetMapping("/peers/{service}")
    List<Map<String, Object>> peers(@PathVariable String service) {
        return discovery.getInstances(service).stream().map(GreetingController::describe).toList();
    }

    private static Map<String, Object> describe(ServiceInstance instance) {
        return Map.of("id", instance.getInstanceId(), "uri", instance.getUri().toString(), "metadata", instance.getMetadata());
    }
}
