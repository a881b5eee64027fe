package org.wellspring.greeter;

import java.util.Map;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;

@SpringBootApplication
@RestController
public class Greeter {

    private static final Logger LOG = LoggerFactory.getLogger(Greeter.class);

    public static void main(String[] args) {
        SpringApplication.run(Greeter.class, args);
    }

    @GetMapping("/greeting/{name}")
    Map<String, String> greeting(@PathVariable String name) {
        LOG.info("greeting {}", name);
        return Map.of("text", "Hello, " + name);
    }
}
