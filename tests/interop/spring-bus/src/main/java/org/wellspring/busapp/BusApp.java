package org.wellspring.busapp;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.config.server.EnableConfigServer;
import org.springframework.cloud.context.config.annotation.RefreshScope;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.core.env.Environment;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@SpringBootApplication
public class BusApp {

    public static void main(String[] args) {
        SpringApplication.run(BusApp.class, args);
    }

    @Configuration
    @EnableConfigServer
    @Profile("server")
    static class Server {
    }

    /** A value as most beans have it: injected, and anew after a refresh. */
    @RestController
    @RefreshScope
    @Profile("service")
    static class Greeting {

        @Value("${greeting}")
        private String greeting;

        @GetMapping("/greeting")
        String greeting() {
            return greeting;
        }
    }

    /** The same value as the environment has it now. */
    @RestController
    @Profile("service")
    static class Now {

        private final Environment environment;

        Now(Environment environment) {
            this.environment = environment;
        }

        @GetMapping("/now")
        String now() {
            return environment.getProperty("greeting");
        }
    }
}
