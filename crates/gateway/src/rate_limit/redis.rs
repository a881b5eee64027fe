//! Buckets in Redis: one script per request, on Redis time, under the original's keys, so that both may share one Redis.
//!
//! When Redis cannot be asked, requests are allowed, as in the original; a metric counts them.

use wellspring_redis::Redis;

use super::{Bucket, Decision};

/// The bucket's rule. Times are whole seconds; a bucket that nobody uses is forgotten once it is full again.
const SCRIPT: &str = "\
local rate, capacity, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local keep = math.floor(capacity * 2 / rate)
local now = tonumber(redis.call('TIME')[1])
local tokens = tonumber(redis.call('GET', KEYS[1])) or capacity
local since = tonumber(redis.call('GET', KEYS[2])) or 0
tokens = math.min(capacity, tokens + math.max(0, now - since) * rate)
local allowed = 0
if tokens >= wanted then
  tokens = tokens - wanted
  allowed = 1
end
if keep > 0 then
  redis.call('SETEX', KEYS[1], keep, tokens)
  redis.call('SETEX', KEYS[2], keep, now)
end
return { allowed, tokens }";

/// Takes the tokens of one request.
pub async fn take(redis: &Redis, route: &str, key: &str, bucket: Bucket) -> Decision {
    // The braces put both keys into one slot of a cluster.
    let prefix = format!("request_rate_limiter.{{{route}.{key}}}");
    let answer = redis
        .ask::<(i64, i64)>(&[
            "EVAL",
            SCRIPT,
            "2",
            &format!("{prefix}.tokens"),
            &format!("{prefix}.timestamp"),
            &bucket.rate.to_string(),
            &bucket.capacity.to_string(),
            &bucket.requested.to_string(),
        ])
        .await;
    match answer {
        Ok((allowed, remaining)) => Decision { allowed: allowed == 1, remaining },
        Err(_) => Decision::UNASKED,
    }
}
