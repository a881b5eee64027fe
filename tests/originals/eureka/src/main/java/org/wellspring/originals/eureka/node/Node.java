package org.wellspring.originals.eureka.node;

import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;

/** The registry as everybody writes it. */
@SpringBootApplication
@EnableEurekaServer
public class Node {
}
