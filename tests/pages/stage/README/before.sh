# A tag to compare with, a change since, and an instance that is not there: it is DOWN, so that nobody asks it.
repository=$PLATFORM/.wellspring/config-repo
git -C "$repository" tag -f v1 > /dev/null
printf 'orders:\n  greeting: Hello from the config server\n  currency: EUR\n' > "$repository/orders.yml"
git -C "$repository" -c user.name=reader -c user.email=reader@localhost commit -qam 'Orders in euros'
runs "curl -X POST http://localhost:8761/eureka/apps/ORDERS -H 'Content-Type: application/json' -d @host7.json"
