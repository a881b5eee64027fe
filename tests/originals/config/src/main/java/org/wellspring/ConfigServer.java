package org.wellspring;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.config.server.EnableConfigServer;

/**
 * The original, as its documentation starts it. The word {@code and} between arguments starts another server in the
 * same process, with the arguments that follow it.
 */
@SpringBootApplication
@EnableConfigServer
public class ConfigServer {

	public static void main(String[] arguments) {
		List<String> words = new ArrayList<>(Arrays.asList(arguments));
		while (words.contains("and")) {
			List<String> first = words.subList(0, words.indexOf("and"));
			SpringApplication.run(ConfigServer.class, first.toArray(String[]::new));
			words.subList(0, words.indexOf("and") + 1).clear();
		}
		SpringApplication.run(ConfigServer.class, words.toArray(String[]::new));
	}
}
