package org.wellspring.admin;

import de.codecentric.boot.admin.server.config.EnableAdminServer;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

@EnableAdminServer
@SpringBootApplication
public class Admin {

    public static void main(String[] args) {
        SpringApplication.run(Admin.class, args);
    }
}
