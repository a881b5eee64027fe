package org.wellspring.greeter;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.context.annotation.Bean;
import org.springframework.web.client.RestClient;

@SpringBootApplication
public class Greeter {

    public static void main(String[] args) {
        SpringApplication.run(Greeter.class, args);
    }

    /** Calls made with it name a service; the load balancer turns the name into an address. */
    @Bean
    @LoadBalanced
    RestClient.Builder balanced() {
        return RestClient.builder();
    }
}
