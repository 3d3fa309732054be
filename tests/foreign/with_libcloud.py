"""Uses a simulated cloud as a client of Apache Libcloud does. Arguments: endpoint, API key, secret key."""

import sys
from urllib.parse import urlsplit

from libcloud.common.types import InvalidCredsError, ProviderError
from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState, Provider, StorageVolumeState


def equal(seen, wanted):
    assert seen == wanted, f"seen {seen!r}, wanted {wanted!r}"


def refused(kind, call, *arguments, **named):
    """The error of a call that must be refused."""
    try:
        answer = call(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"{call} was not refused but answered {answer}")


def connect(endpoint, key, secret):
    url = urlsplit(endpoint)
    driver = get_driver(Provider.CLOUDSTACK)(
        key=key, secret=secret, secure=False, host=url.hostname, port=url.port, path=url.path
    )
    driver.connection.poll_interval = 0.05
    return driver


def named(things, name):
    [found] = [thing for thing in things if thing.name == name]
    return found


def the_offer_is_listed(driver):
    equal([location.name for location in driver.list_locations()], ["harbour"])
    equal({size.name: size.ram for size in driver.list_sizes()}, {"small": 1024, "large": 8192})
    [image] = driver.list_images()
    equal((image.name, image.extra["hypervisor"], image.extra["format"]), ("tiny", "KVM", "QCOW2"))
    equal(sorted(network.name for network in driver.ex_list_networks()), ["locks", "piers"])
    offerings = {offering.name: offering for offering in driver.ex_list_disk_offerings()}
    equal((offerings["five"].size, offerings["five"].customizable), (5, False))
    assert offerings["any size"].customizable
    limits = driver.ex_limits()
    equal((limits["max_instances"], limits["max_volumes"], limits["max_cpu"]), (3, 20, -1))
    equal(driver.ex_list_public_ips(), [])
    equal([node.name for node in driver.list_nodes()], ["oma"])


def a_node_is_created_and_started(driver):
    node = driver.create_node(
        name="web-02",
        size=named(driver.list_sizes(), "small"),
        image=driver.list_images()[0],
        location=driver.list_locations()[0],
        networks=[named(driver.ex_list_networks(), "piers")],
        ex_displayname="Web 02",
    )
    equal((node.name, node.state), ("web-02", NodeState.STOPPED))
    equal(node.public_ips + node.private_ips, [])
    equal(driver.ex_start(node), "Running")
    node = named(driver.list_nodes(), "web-02")
    equal((node.state, node.extra["size_name"]), (NodeState.RUNNING, "small"))
    [address] = node.public_ips + node.private_ips
    assert address.startswith("127.40.1."), address
    assert driver.reboot_node(node)
    return node


def a_volume_comes_and_goes(driver, node):
    volume = driver.create_volume(2, "data", ex_volume_type="any size")
    equal(volume.state, StorageVolumeState.AVAILABLE)
    assert driver.attach_volume(node, volume)
    by_name = {each.name: each for each in driver.list_volumes(node)}
    equal((by_name["data"].state, by_name["data"].size), (StorageVolumeState.INUSE, 2 << 30))
    equal(by_name["data"].extra["instance_id"], node.id)
    snapshot = driver.create_volume_snapshot(volume)
    equal(snapshot.extra["volume_id"], volume.id)
    equal([each.id for each in driver.list_snapshots()], [snapshot.id])
    assert driver.destroy_volume_snapshot(snapshot)
    assert driver.detach_volume(volume)
    equal(named(driver.list_volumes(), "data").state, StorageVolumeState.AVAILABLE)
    refused(Exception, driver.detach_volume, volume)
    assert driver.destroy_volume(volume)
    assert "data" not in {each.name for each in driver.list_volumes()}
    equal(refused(ProviderError, driver.destroy_volume, volume).http_code, 431)


def tags_are_put_and_taken(driver, node):
    assert driver.ex_create_tags([node.id], "UserVm", {"run": "1", "owner": "Zoë"})
    equal(named(driver.list_nodes(), "web-02").extra["tags"], {"run": "1", "owner": "Zoë"})
    refused(Exception, driver.ex_create_tags, [node.id], "UserVm", {"run": "2"})
    assert driver.ex_delete_tags([node.id], "UserVm", ["run"])
    equal(named(driver.list_nodes(), "web-02").extra["tags"], {"owner": "Zoë"})


def limits_hold(driver):
    def create(name):
        return driver.create_node(
            name=name,
            size=named(driver.list_sizes(), "small"),
            image=driver.list_images()[0],
            networks=[named(driver.ex_list_networks(), "locks")],
        )

    last = create("web-03")
    equal(refused(ProviderError, create, "web-04").http_code, 535)
    assert driver.destroy_node(last, ex_expunge=True)


def a_node_stops_and_is_destroyed(driver, node):
    equal(driver.ex_stop(node), "Stopped")
    assert driver.destroy_node(node, ex_expunge=True)
    equal([each.name for each in driver.list_nodes()], ["oma"])


def main():
    endpoint, key, secret = sys.argv[1:]
    refused(InvalidCredsError, connect(endpoint, key, "wrong").list_locations)
    driver = connect(endpoint, key, secret)
    the_offer_is_listed(driver)
    node = a_node_is_created_and_started(driver)
    a_volume_comes_and_goes(driver, node)
    tags_are_put_and_taken(driver, node)
    limits_hold(driver)
    a_node_stops_and_is_destroyed(driver, node)
    print("libcloud: done")


main()
