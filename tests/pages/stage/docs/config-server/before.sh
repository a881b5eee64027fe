# A plain file in the repository, and a working tree with a value under the server's key.
repository=$PLATFORM/.wellspring/config-repo
printf 'listen ${server.port:80};\n' > "$repository/nginx.conf"
git -C "$repository" add nginx.conf
git -C "$repository" -c user.name=reader -c user.email=reader@localhost commit -qm 'A file'
runs "curl localhost:8888/encrypt -H 'Content-Type: text/plain' -d secret > cipher"
printf "password: '{cipher}%s'\n" "$(cat cipher)" > orders.yml
