package org.wellspring.originals.eureka.poller;

import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.scheduling.annotation.EnableScheduling;

/** An application that registers and looks at the registry as any other does. */
@SpringBootApplication
@EnableScheduling
public class Poller {
}
