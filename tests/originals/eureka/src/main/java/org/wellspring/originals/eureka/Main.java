package org.wellspring.originals.eureka;

import java.util.Arrays;

import org.springframework.boot.SpringApplication;
import org.wellspring.originals.eureka.node.Node;
import org.wellspring.originals.eureka.poller.Poller;

/** With the word "poller" a client of the registry, else a registry. */
public final class Main {

    private Main() {
    }

    public static void main(String[] args) {
        boolean poller = Arrays.asList(args).contains("poller");
        SpringApplication application = new SpringApplication(poller ? Poller.class : Node.class);
        application.setAdditionalProfiles(poller ? "poller" : "node");
        application.run(args);
    }
}
