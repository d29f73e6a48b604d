# For compose-test on a machine that reaches no image registry: Debian's packages in the shape of the official images.
ARG BASE_IMAGE
FROM ${BASE_IMAGE} AS packages
WORKDIR /unpacked
# Unpacked and not installed: as packages, Prometheus and Alertmanager bring fonts, scripts and services that nobody needs here.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends busybox redis-server haproxy >/dev/null 2>&1 \
 && apt-get download -qq prometheus prometheus-alertmanager \
 && for package in *.deb; do dpkg -x "$package" .; done \
 && mv usr/bin/prometheus /bin/prometheus && mv usr/bin/prometheus-alertmanager /bin/alertmanager \
 && cp -r usr/share/prometheus /usr/share/ \
 && ln -s /bin/busybox /usr/local/bin/wget \
 && install -d -o nobody -g nogroup /prometheus /alertmanager /etc/alertmanager \
 && rm -rf /unpacked/* /var/lib/apt/lists/*

FROM packages AS prometheus
USER nobody
WORKDIR /prometheus
ENTRYPOINT ["/bin/prometheus"]

FROM packages AS alertmanager
USER nobody
WORKDIR /alertmanager
ENTRYPOINT ["/bin/alertmanager"]

FROM packages AS redis
WORKDIR /tmp

FROM packages AS docker-proxy
ENTRYPOINT ["haproxy", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]

# Of its own, because it is large. The user's number is that of the official image.
FROM ${BASE_IMAGE} AS postgres
RUN groupadd --gid 70 postgres && useradd --uid 70 --gid 70 --no-create-home postgres \
 && mkdir /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
 && apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends postgresql >/dev/null 2>&1 \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o postgres -g postgres /var/lib/postgresql/data /docker-entrypoint-initdb.d \
 && ln -s /usr/lib/postgresql/*/bin/* /usr/local/sbin/
COPY --chmod=755 stand-in-postgres.sh /usr/local/bin/docker-entrypoint.sh
USER postgres
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres", "-c", "listen_addresses=*"]
