package org.wellspring.originals.eureka.poller;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

import com.netflix.appinfo.InstanceInfo;
import com.netflix.discovery.EurekaClient;
import com.netflix.discovery.shared.Application;

import org.springframework.cloud.client.ServiceInstance;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Looks every 200 ms at what the stock client knows, and remembers what was ever missing. POST /watch says from when
 * on: every instance known then must stay.
 */
@RestController
class Seen {

    private final EurekaClient eureka;
    private final DiscoveryClient discovery;
    private final Set<String> watched = new TreeSet<>();
    private final Set<String> lost = new TreeSet<>();
    private int polls;
    private int minimum;
    private int now;

    Seen(EurekaClient eureka, DiscoveryClient discovery) {
        this.eureka = eureka;
        this.discovery = discovery;
    }

    @Scheduled(fixedRate = 200)
    synchronized void poll() {
        Set<String> ids = known().keySet();
        now = ids.size();
        minimum = polls == 0 ? now : Math.min(minimum, now);
        polls++;
        for (String id : watched) {
            if (!ids.contains(id)) {
                lost.add(id);
            }
        }
    }

    /** Every instance known now is watched from now on. */
    @PostMapping("/watch")
    synchronized int watch() {
        watched.clear();
        watched.addAll(known().keySet());
        lost.clear();
        polls = 0;
        return watched.size();
    }

    @PostMapping("/unwatch/{id}")
    synchronized void unwatch(@PathVariable String id) {
        watched.remove(id);
    }

    @GetMapping("/seen")
    synchronized Map<String, Object> seen() {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("polls", polls);
        answer.put("now", now);
        answer.put("minimum", minimum);
        answer.put("lost", lost);
        return answer;
    }

    /** Everything known: status, override and metadata by instance id. */
    @GetMapping("/instances")
    Map<String, Object> instances() {
        Map<String, Object> answer = new TreeMap<>();
        known().forEach((id, info) -> answer.put(id, Map.of("app", info.getAppName(), "status", info.getStatus(),
                "overridden", info.getOverriddenStatus(), "metadata", info.getMetadata())));
        return answer;
    }

    /** What an application gets to see of a service. */
    @GetMapping("/services/{name}")
    List<String> service(@PathVariable String name) {
        List<String> ids = new ArrayList<>();
        for (ServiceInstance instance : discovery.getInstances(name)) {
            ids.add(instance.getInstanceId());
        }
        return ids;
    }

    private Map<String, InstanceInfo> known() {
        Map<String, InstanceInfo> known = new TreeMap<>();
        for (Application application : eureka.getApplications().getRegisteredApplications()) {
            for (InstanceInfo info : application.getInstances()) {
                known.put(info.getId(), info);
            }
        }
        return known;
    }
}
